extends "../case.gd"

const Msgpack := preload("res://addons/sound_reactor/wire/msgpack.gd")


func _decode(bytes: PackedByteArray) -> Variant:
	return Msgpack.new().decode(bytes)


func _error(bytes: PackedByteArray) -> String:
	var reader := Msgpack.new()
	check_equal(reader.decode(bytes), null, "a refused value")
	return reader.error


func test_every_value_of_the_protocol_comes_back_as_it_went() -> void:
	var text := "é".repeat(200)
	for value: Variant in [
		null, true, false, 0, 127, 128, 255, 256, 65535, 65536, 4294967295, 4294967296, 9223372036854775807,
		-1, -32, -33, -128, -129, -32768, -32769, -2147483648, -2147483649, -9223372036854775807 - 1,
		0.0, -1.5, 1e300, "", "abc", "x".repeat(31), "x".repeat(32), "x".repeat(255), "x".repeat(256), text,
		[], [1, [2, ["x"]]], {}, {"a": {"b": [1, 2.5, null, true]}},
	]:
		check_equal(_decode(Msgpack.encode(value)), value, "round trip")


func test_the_shortest_form_of_each_integer_is_written() -> void:
	var sizes := {0: 1, 127: 1, 128: 2, 255: 2, 256: 3, 65535: 3, 65536: 5, 4294967295: 5, 4294967296: 9,
		-32: 1, -33: 2, -128: 2, -129: 3, -32768: 3, -32769: 5, -2147483648: 5, -2147483649: 9}
	for value: int in sizes:
		check_equal(Msgpack.encode(value).size(), sizes[value], "bytes of %d" % value)


func test_float32_and_longer_than_needed_forms_are_read() -> void:
	check_equal(_decode(PackedByteArray([0xca, 0x3f, 0x80, 0, 0])), 1.0, "float32")
	check_equal(_decode(PackedByteArray([0xcf, 0, 0, 0, 0, 0, 0, 0, 5])), 5, "u64")
	check_equal(_decode(PackedByteArray([0xd3, 255, 255, 255, 255, 255, 255, 255, 251])), -5, "i64")
	check_equal(_decode(PackedByteArray([0xdb, 0, 0, 0, 1, 0x41])), "A", "str32")
	check_equal(_decode(PackedByteArray([0xdd, 0, 0, 0, 1, 7])), [7], "array32")
	check_equal(_decode(PackedByteArray([0xdf, 0, 0, 0, 1, 0xa1, 0x41, 7])), {"A": 7}, "map32")


func test_what_the_protocol_forbids_is_refused_with_a_reason() -> void:
	check(_error(PackedByteArray()).contains("too early"), "nothing")
	check(_error(PackedByteArray([0xcf, 255, 255, 255, 255, 255, 255, 255, 255])).contains("2^63"), "u64 too big")
	check(_error(PackedByteArray([0xcb, 0x7f, 0xf0, 0, 0, 0, 0, 0, 0])).contains("finite"), "infinity")
	check(_error(PackedByteArray([0xc4, 1, 1])).contains("0xc4"), "binary")
	check(_error(PackedByteArray([0xc7, 1, 1, 1])).contains("0xc7"), "extension")
	check(_error(PackedByteArray([0x81, 1, 1])).contains("key"), "a key that is no string")
	check(_error(PackedByteArray([1, 1])).contains("left over"), "two values")
	check(_error(PackedByteArray([0xdb, 0x7f, 255, 255, 255])).contains("string"), "a string of 2 GB")
	check(_error(PackedByteArray([0xdd, 255, 255, 255, 255])).contains("array"), "an array of 4 billion")
	check(_error(PackedByteArray([0xdf, 255, 255, 255, 255])).contains("map"), "a map of 4 billion")
	for broken: String in ["80", "c3", "c080", "e28028ff", "eda080", "f0808080", "f4908080", "ff", "00"]:
		var data := broken.hex_decode()
		data.insert(0, 0xa0 | data.size())
		check(_error(data).contains("UTF-8"), "the string " + broken)
	var deep := PackedByteArray()
	deep.resize(5000)
	deep.fill(0x91)
	check(_error(deep).contains("deeper"), "5000 nested arrays")


func test_random_bytes_never_do_more_than_fail() -> void:
	var random := RandomNumberGenerator.new()
	random.seed = 7
	var refused := 0
	for round in 4000:
		var bytes := PackedByteArray()
		for index in random.randi_range(0, 40):
			bytes.append(random.randi() & 0xff)
		var reader := Msgpack.new()
		reader.decode(bytes)
		refused += int(not reader.error.is_empty())
	check(refused > 3000, "only %d of 4000 were refused" % refused)
