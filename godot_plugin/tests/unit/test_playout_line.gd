## The playout line in virtual time: a fake generator drains so many samples a millisecond.
extends "../case.gd"

const PlayoutLine := preload("res://addons/sound_reactor/audio/playout_line.gd")
const Sink := preload("res://addons/sound_reactor/audio/sink.gd")

const HOP := 1600


## A generator's ring that a sound card empties in bursts.
class FakeSink:
	extends Sink

	const CAPACITY := 32768
	var ring := PackedVector2Array()
	var heard := PackedVector2Array()
	var dry_frames := 0

	func free_frames() -> int:
		return CAPACITY - ring.size()

	func push(sound: PackedVector2Array) -> void:
		assert(sound.size() <= free_frames())
		ring.append_array(sound)

	func drain(count: int) -> void:
		var taken := mini(count, ring.size())
		heard.append_array(ring.slice(0, taken))
		ring = ring.slice(taken)
		if not heard.is_empty():
			for index in count - taken:
				heard.append(Vector2.ZERO)
			dry_frames += count - taken


var sink := FakeSink.new()
var line := PlayoutLine.new()
var hop := 0
var now_usec := 0
## A recording is a count: sample n of the source is n / 2^20, the same left, negated right.
var _credit := 0.0


func _sound(index: int) -> PackedVector2Array:
	var sound := PackedVector2Array()
	sound.resize(HOP)
	for sample in HOP:
		var value := float(index * HOP + sample + 1000) / 1048576.0
		sound[sample] = Vector2(value, -value)
	return sound


## Pass time, in steps of 2 ms; hops come every 1600 samples of the runtime's clock.
func _run(seconds: float, hops_come: bool = true, burst: int = 96, clock: float = 1.0, step_ms: int = 2) -> void:
	var owed := 0.0
	for tick in int(seconds * 1000 / step_ms):
		now_usec += step_ms * 1000
		_credit += 48.0 * step_ms if hops_come else 0.0
		if _credit >= HOP:
			_credit -= HOP
			line.receive(hop, _sound(hop))
			hop += 1
		line.tick(now_usec)
		owed += 48.0 * step_ms * clock * line.rate()
		while owed >= burst:
			sink.drain(burst)
			owed -= burst


func _steps_that_are_not_one_sample() -> int:
	var odd := 0
	for index in range(1, sink.heard.size()):
		odd += int(absf((sink.heard[index].x - sink.heard[index - 1].x) * 1048576.0 - 1.0) > 0.25)
	return odd


func _largest_jump(from: int = 0) -> float:
	var largest := 0.0
	for index in range(maxi(1, from), sink.heard.size()):
		largest = maxf(largest, absf(sink.heard[index].x - sink.heard[index - 1].x))
	return largest


func test_steady_sound_passes_without_a_changed_sample() -> void:
	line.attach(sink)
	_run(3.0)
	check_equal(line.underruns, 0, "underruns")
	check_equal(sink.dry_frames, 0, "dry samples")
	check(sink.heard.size() > 2.7 * 48000, "only %d samples heard" % sink.heard.size())
	sink.heard = sink.heard.slice(PlayoutLine.FADE)
	check_equal(_steps_that_are_not_one_sample(), 0, "samples out of place")


func test_the_level_settles_at_the_target() -> void:
	line.set_target_ms(83.0)
	line.attach(sink)
	_run(20.0)
	check_near(line.level_ms(), 83.0, 6.0, "level in ms")


func test_another_clock_is_followed_without_gaps_or_skips() -> void:
	for clock: float in [0.997, 1.003]:
		sink = FakeSink.new()
		line = PlayoutLine.new()
		hop = 0
		line.attach(sink)
		_run(60.0, true, 96, clock, 4)
		check_equal(line.underruns, 0, "underruns at %f" % clock)
		check_equal(line.skipped_frames, 0, "skipped at %f" % clock)
		check_near(line.rate() * clock, 1.0, 0.0008, "rate at %f" % clock)


func test_a_driver_with_large_bursts_gets_a_wider_target() -> void:
	line.set_target_ms(40.0)
	line.attach(sink)
	_run(6.0, true, 4096)
	var before := line.underruns
	_run(10.0, true, 4096)
	check_equal(line.underruns - before, 0, "underruns once the burst is known")
	check(line.target_ms() > 85.0, "target %f ms for bursts of 85 ms" % line.target_ms())


func test_a_burst_that_does_not_come_again_is_forgotten() -> void:
	line.set_target_ms(83.0)
	line.attach(sink)
	_run(4.0, true, 4096)
	check(line.target_ms() > 110.0, "target %f ms for bursts of 85 ms" % line.target_ms())
	_run(25.0, true, 96, 1.0, 4)
	check_near(line.target_ms() / line._widening, 83.0, 1.0, "target in ms without bursts")


func test_a_stall_fades_out_and_comes_back_faded_in() -> void:
	line.attach(sink)
	_run(1.0)
	_run(0.4, false)
	check_equal(line.underruns, 1, "underruns")
	check(not line.is_playing(), "it still plays after 0.4 s without hops")
	var before := sink.heard.size()
	_run(1.0)
	check(line.is_playing(), "it does not play again")
	check(_largest_jump() < 0.002, "a jump of %f: it clicks" % _largest_jump())
	check(sink.heard.size() > before, "nothing was heard")


func test_the_end_of_a_session_is_no_underrun() -> void:
	line.attach(sink)
	_run(1.0)
	line.end_session()
	_run(0.5, false)
	check_equal(line.underruns, 0, "underruns")
	check(_largest_jump() < 0.002, "a jump of %f: it clicks" % _largest_jump())
	hop = 0
	_run(1.0)
	check_equal(line.missing_hops, 0, "a new session counts hops anew")


func test_hops_left_out_by_the_runtime_are_counted_and_their_time_is_kept() -> void:
	line.attach(sink)
	_run(1.0)
	hop += 2
	_run(0.2)
	check_equal(line.missing_hops, 2, "missing hops")
	check(line.is_playing(), "two missing hops must not stop the sound")


func test_a_backlog_leaves_at_once_and_is_counted() -> void:
	line.attach(sink)
	_run(1.0)
	for index in 12:
		line.receive(hop, _sound(hop))
		hop += 1
	_run(2.0)
	check(line.skipped_frames > 9600, "only %d samples were skipped" % line.skipped_frames)
	check(line.level_ms() < 170.0, "%f ms still wait" % line.level_ms())
	check_equal(line.underruns, 0, "underruns")


func test_gain_glides_and_mute_is_silence() -> void:
	line.set_gain(0.5)
	line.attach(sink)
	_run(1.0)
	line.set_gain(0.0)
	_run(1.0)
	check(sink.heard[-1] == Vector2.ZERO, "not silent: %s" % sink.heard[-1])
	check(_largest_jump() < 0.002, "a jump of %f: it clicks" % _largest_jump())


func test_nothing_is_taken_or_counted_while_suspended() -> void:
	line.attach(sink)
	_run(1.0)
	line.set_suspended(true)
	var waiting := sink.ring.size()
	for tick in 500:
		now_usec += 2000
		line.receive(hop, _sound(hop))
		line.tick(now_usec)
	check_equal(sink.ring.size(), waiting, "the ring changed")
	line.set_suspended(false)
	check_equal(line.underruns, 0, "underruns")


func test_a_line_without_a_generator_takes_anything_silently() -> void:
	line.receive(0, _sound(0))
	line.tick(1000)
	line.end_session()
	check_equal(line.hops, 0, "hops without a place to play them")


func test_a_flood_of_sound_costs_no_more_than_two_seconds_of_memory() -> void:
	line.attach(sink)
	for index in 1000:
		line.receive(index, _sound(0))
	check(line._queue.size() <= PlayoutLine.FULL + HOP, "%d samples are kept" % line._queue.size())
