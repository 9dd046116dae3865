extends "../case.gd"

const Zmtp := preload("res://addons/sound_reactor/wire/zmtp.gd")


func _peer_greeting() -> PackedByteArray:
	var bytes := Zmtp.greeting()
	bytes[32] = 1  # as-server
	return bytes


func _ready_as(kind: String) -> PackedByteArray:
	return Zmtp.command("READY", Zmtp._property("Socket-Type", kind))


func _message(body: PackedByteArray, flags: int = 0) -> PackedByteArray:
	var frame := Zmtp.header(body.size(), flags)
	frame.append_array(body)
	return frame


func _connected() -> Zmtp:
	var zmtp := Zmtp.new()
	zmtp.feed(_peer_greeting())
	zmtp.feed(_ready_as("ROUTER"))
	check_equal(zmtp.phase, Zmtp.Phase.TRAFFIC, "after the handshake")
	zmtp.replies.clear()
	return zmtp


func test_greeting_and_ready_are_the_bytes_of_the_protocol() -> void:
	var zmtp := Zmtp.new()
	check_equal(zmtp.replies[0].hex_encode(), "ff00000000000000007f0301" + "NULL".to_ascii_buffer().hex_encode() + "00".repeat(48), "greeting")
	zmtp.feed(_peer_greeting())
	var ready := "041c05" + "READY".to_ascii_buffer().hex_encode() + "0b" + "Socket-Type".to_ascii_buffer().hex_encode() \
			+ "00000006" + "DEALER".to_ascii_buffer().hex_encode()
	check_equal(zmtp.replies[1].hex_encode(), ready, "READY")


func test_messages_arrive_whole_however_the_bytes_are_cut() -> void:
	var big := PackedByteArray()
	big.resize(70000)
	big.fill(9)
	var stream := _peer_greeting()
	stream.append_array(_ready_as("ROUTER"))
	for body: PackedByteArray in [PackedByteArray([1]), PackedByteArray(), big]:
		stream.append_array(_message(body))
	for piece: int in [1, 7, 63, 65, 4096, 100000]:
		var zmtp := Zmtp.new()
		for at in range(0, stream.size(), piece):
			zmtp.feed(stream.slice(at, at + piece))
			if piece == 1 and at > 400:
				zmtp.feed(stream.slice(at + 1))
				break
		check_equal(zmtp.messages.size(), 3, "pieces of %d" % piece)
		check(zmtp.messages.size() == 3 and zmtp.messages[2] == big, "the long message in pieces of %d" % piece)


func test_a_ping_is_answered_with_its_context() -> void:
	var zmtp := _connected()
	zmtp.feed(Zmtp.command("PING", PackedByteArray([0, 15, 65, 66, 67])))
	check_equal(zmtp.replies, [Zmtp.command("PONG", PackedByteArray([65, 66, 67]))] as Array[PackedByteArray], "PONG")


func test_messages_of_several_parts_are_dropped_and_counted() -> void:
	var zmtp := _connected()
	zmtp.feed(_message(PackedByteArray([1]), Zmtp.MORE))
	zmtp.feed(_message(PackedByteArray([2])))
	zmtp.feed(_message(PackedByteArray([3])))
	check_equal(zmtp.multipart_dropped, 1, "dropped")
	check_equal(zmtp.messages, [PackedByteArray([3])] as Array[PackedByteArray], "kept")


func test_strangers_are_recognised_and_named() -> void:
	var cases: Dictionary[String, PackedByteArray] = {
		"does not speak ZeroMQ": "HTTP/1.1 400 Bad Request\r\n".to_ascii_buffer(),
		"ZMTP 1": PackedByteArray([0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 1]),
	}
	var plain := _peer_greeting()
	for index in 5:
		plain[12 + index] = "PLAIN".to_ascii_buffer()[index]
	cases["PLAIN"] = plain
	var pull := _peer_greeting()
	pull.append_array(_ready_as("PULL"))
	cases["PULL"] = pull
	var refused := _peer_greeting()
	refused.append_array(Zmtp.command("ERROR", PackedByteArray([2, 110, 111])))
	cases["refused the connection: no"] = refused
	for words in cases:
		var zmtp := Zmtp.new()
		zmtp.feed(cases[words])
		check(zmtp.failure.contains(words), "expected '%s' in '%s'" % [words, zmtp.failure])


func test_huge_and_broken_frames_end_the_connection_before_they_cost_memory() -> void:
	var cases: Dictionary[String, PackedByteArray] = {
		"announced": PackedByteArray([2, 0, 0, 1, 0, 0, 0, 0, 0]),
		"18446744073709551615": PackedByteArray([2, 255, 255, 255, 255, 255, 255, 255, 255]),
		"flags": PackedByteArray([0x80, 1, 1]),
		"damaged": PackedByteArray([4, 2, 200, 1]),
	}
	for words in cases:
		var zmtp := _connected()
		zmtp.feed(cases[words])
		check(zmtp.failure.contains(words), "expected '%s' in '%s'" % [words, zmtp.failure])
	var zmtp := Zmtp.new()
	zmtp.feed(_peer_greeting())
	zmtp.feed(_message(PackedByteArray([1])))
	check(zmtp.failure.contains("before the handshake"), zmtp.failure)


func test_random_and_mutated_bytes_never_do_more_than_fail() -> void:
	var random := RandomNumberGenerator.new()
	random.seed = 11
	var good := _peer_greeting()
	good.append_array(_ready_as("ROUTER"))
	good.append_array(Zmtp.command("PING", PackedByteArray([0, 1, 2])))
	good.append_array(_message(PackedByteArray([1, 2, 3])))
	var failed := 0
	for round in 3000:
		var bytes := good.duplicate()
		for change in random.randi_range(1, 4):
			bytes[random.randi_range(0, bytes.size() - 1)] = random.randi() & 0xff
		var zmtp := Zmtp.new()
		zmtp.feed(bytes.slice(0, random.randi_range(0, bytes.size())))
		failed += int(not zmtp.failure.is_empty())
		check(zmtp.messages.size() <= 40 and zmtp.replies.size() <= 40, "too much came out of %d bytes" % bytes.size())
	check(failed > 300, "only %d of 3000 were refused" % failed)
