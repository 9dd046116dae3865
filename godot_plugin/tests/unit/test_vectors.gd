## The golden messages of bridge/vectors: read as their JSON says, and written to the same bytes.
extends "../case.gd"

const Messages := preload("res://addons/sound_reactor/wire/messages.gd")
const Runner := preload("../run.gd")
const FLOATS: Array[String] = ["fps", "guidance", "gain"]


func _folder() -> String:
	var named := Runner.argument("vectors")
	return named if named else ProjectSettings.globalize_path("res://").path_join("../bridge/vectors")


func _bytes(name: String) -> PackedByteArray:
	var bytes := FileAccess.get_file_as_bytes(_folder().path_join(name + ".bin"))
	check(not bytes.is_empty(), "%s.bin is missing in %s" % [name, _folder()])
	return bytes


## Integers beyond 2^53 lose digits as JSON numbers, so they are read as text.
func _meaning(name: String) -> Dictionary:
	var text := FileAccess.get_file_as_string(_folder().path_join(name + ".json"))
	var long := RegEx.create_from_string(": (-?\\d{16,})")
	return JSON.parse_string(long.sub(text, ": \"$1\"", true))


## Return a number of the JSON as what it is in the message: int, unless the key is a float's.
func _typed(key: String, value: Variant) -> Variant:
	if key not in FLOATS and (value is float or value is String and str(value).is_valid_int()):
		return int(str(value)) if value is String else int(float(str(value)))
	return value


func _names() -> PackedStringArray:
	var names := PackedStringArray()
	for file in DirAccess.get_files_at(_folder()):
		if file.ends_with(".bin"):
			names.append(file.get_basename())
	return names


func _check_map(name: String, got: Dictionary, wanted: Dictionary) -> void:
	for key: String in wanted:
		if key == "kind":
			continue
		var value: Variant = got.get(key)
		var is_same: bool = str(value) == str(_typed(key, wanted[key])) or value == wanted[key]
		if wanted[key] is Dictionary or wanted[key] is Array:
			is_same = JSON.stringify(value).replace(".0", "") == JSON.stringify(wanted[key]).replace(".0", "")
		check(is_same, "%s: %s: expected %s, got %s" % [name, key, wanted[key], value])


func test_every_vector_is_read_as_its_json_says() -> void:
	check(_names().size() >= 16, "only %d vectors" % _names().size())
	for name in _names():
		var bytes := _bytes(name)
		var meaning := _meaning(name)
		var kind: String = Messages.Kind.find_key(Messages.kind_of(bytes))
		check_equal(kind.to_lower(), meaning["kind"], name)
		if kind == "AUDIO":
			_check_audio(name, bytes, meaning)
		elif kind != "FRAME":
			_check_map(name, Messages.decode(bytes), meaning)


func _check_audio(name: String, bytes: PackedByteArray, meaning: Dictionary) -> void:
	var audio := Messages.decode_audio(bytes)
	check(audio != null, name)
	for key: String in ["flags", "session", "hop", "capture_ns", "age_us", "seq"]:
		check_equal(audio.get(key), _typed(key, meaning[key]), "%s: %s" % [name, key])
	var payload: Array = meaning["payload"]
	check_equal(audio.sound.size(), payload.size(), name)
	for index in payload.size():
		var pair: Array = payload[index]
		var left: float = pair[0]
		var right: float = pair[1]
		check(audio.sound[index].is_equal_approx(Vector2(left, right)) or
				(audio.sound[index] - Vector2(left, right)).length() < 1e-4, "%s: sample %d" % [name, index])


func test_frames_are_written_to_the_golden_bytes() -> void:
	for name: String in ["frame_rgb8", "frame_rgba8_bottom_up", "frame_lockstep_cut"]:
		var meaning := _meaning(name)
		var number := func(key: String) -> int: return _typed(key, meaning[key])
		var size := Vector2i(number.call("width") as int, number.call("height") as int)
		var payload_bytes: int = number.call("payload_bytes")
		var bytes := Messages.frame_header(
			number.call("session") as int, number.call("seq") as int, number.call("capture_ns") as int, size,
			payload_bytes, number.call("flags") as int, number.call("format") as int, number.call("step") as int
		)
		for index in payload_bytes:
			bytes.append(index % 251)
		check_equal(bytes, _bytes(name), name)


func test_what_the_engine_sends_is_written_to_the_golden_bytes() -> void:
	for name: String in ["hello_live", "hello_lockstep", "control_all", "control_some", "status_request", "ping", "bye"]:
		var meaning := _meaning(name)
		var map := {}
		for key: String in meaning:
			if key != "kind":
				map[key] = _typed(key, meaning[key])
		var kind := Messages.kind_of(_bytes(name))
		check_equal(Messages.encode(kind, map), _bytes(name), name)


func test_damaged_messages_are_refused() -> void:
	var random := RandomNumberGenerator.new()
	random.seed = 3
	for name in _names():
		var bytes := _bytes(name)
		for length in mini(bytes.size(), 80):
			var cut := bytes.slice(0, length)
			check(Messages.decode_audio(cut) == null, "%s cut to %d" % [name, length])
			if bytes[0] not in [Messages.Kind.FRAME, Messages.Kind.AUDIO]:
				check(Messages.decode(cut).is_empty(), "%s cut to %d" % [name, length])
		for round in 200:
			var broken := bytes.duplicate()
			broken[random.randi_range(0, broken.size() - 1)] = random.randi() & 0xff
			Messages.decode_audio(broken)
			if broken[0] not in [Messages.Kind.FRAME, Messages.Kind.AUDIO]:
				Messages.decode(broken)


func test_a_missing_or_mistyped_key_takes_its_default_or_refuses_the_message() -> void:
	var welcome := Messages.decode(Messages.encode(Messages.Kind.WELCOME, {"session": 5, "picture_width": "wide"}))
	check_equal(welcome.get("picture_width"), 224, "a mistyped optional key")
	check(Messages.decode(Messages.encode(Messages.Kind.WELCOME, {"session": "5"})).is_empty(), "a mistyped session")
	check(Messages.decode(Messages.encode(Messages.Kind.PONG, {"session": 5})).is_empty(), "a pong without times")
