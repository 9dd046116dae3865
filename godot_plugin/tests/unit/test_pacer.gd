extends "../case.gd"

const Pacer := preload("res://addons/sound_reactor/capture/pacer.gd")


func _count(fps: float, seconds: float, jitter: float) -> int:
	var random := RandomNumberGenerator.new()
	random.seed = 5
	var pacer := Pacer.new()
	var taken := 0
	for frame in int(fps * seconds):
		var at := (frame + random.randf_range(0.0, jitter)) / fps
		taken += int(pacer.is_due(int(at * 1e6)))
	return taken


func test_any_faster_game_gives_thirty_a_second() -> void:
	for fps: float in [30.0, 31.0, 45.0, 59.94, 60.0, 75.0, 144.0, 240.0, 1000.0]:
		for jitter: float in [0.0, 0.5]:
			var taken := _count(fps, 60.0, jitter)
			# Near 30 fps, a frame that is very late is a hitch.
			var lost := 60 if fps < 32.0 and jitter > 0.0 else 2
			check(taken <= 1802 and taken >= 1800 - lost, "%d in a minute at %f fps" % [taken, fps])


func test_every_picture_of_a_slower_game_is_taken() -> void:
	for fps: float in [5.0, 15.0, 24.0, 29.0]:
		check_equal(_count(fps, 60.0, 0.0), int(fps * 60.0), "at %f fps" % fps)


func test_a_hitch_is_not_caught_up() -> void:
	var pacer := Pacer.new()
	check(pacer.is_due(0), "the first")
	check(pacer.is_due(2_010_000), "after a hitch of 2 s")
	check(not pacer.is_due(2_020_000), "10 ms later nothing is due")
