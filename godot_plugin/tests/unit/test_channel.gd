## The channel and the conversation against a peer of our own on a real socket, polled by hand.
extends "../case.gd"

const Channel := preload("res://addons/sound_reactor/link/channel.gd")
const Conversation := preload("res://addons/sound_reactor/link/conversation.gd")
const Messages := preload("res://addons/sound_reactor/wire/messages.gd")
const Zmtp := preload("res://addons/sound_reactor/wire/zmtp.gd")

var server := TCPServer.new()
var peer: StreamPeerTCP
## Everything that came, as far as it was looked at, in hexadecimal digits.
var heard := ""


func _listen() -> int:
	check_equal(server.listen(0, "127.0.0.1"), OK, "listen")
	return server.get_local_port()


func _until(fact: Callable, step: Callable) -> bool:
	var deadline := Time.get_ticks_msec() + 5000
	while Time.get_ticks_msec() < deadline:
		step.call()
		if peer == null and server.is_connection_available():
			peer = server.take_connection()
		if peer != null:
			peer.poll()
		if fact.call():
			return true
		OS.delay_msec(1)
	return false


func _shake_hands(step: Callable) -> void:
	check(_until(func() -> bool: return peer != null, step), "no connection came")
	peer.put_data(Zmtp.greeting())
	peer.put_data(Zmtp.command("READY", Zmtp._property("Socket-Type", "ROUTER")))


## How often the word came so far.
func _count_heard(word: String) -> int:
	if peer.get_available_bytes() > 0:
		var bytes: PackedByteArray = peer.get_partial_data(peer.get_available_bytes())[1]
		heard += bytes.hex_encode()
	return heard.count(word.to_ascii_buffer().hex_encode())


func _say(kind: Messages.Kind, map: Dictionary) -> void:
	var body := Messages.encode(kind, map)
	peer.put_data(Zmtp.header(body.size()))
	peer.put_data(body)


func test_a_peer_that_asks_and_never_reads_costs_no_memory() -> void:
	var channel := Channel.new()
	channel.open("127.0.0.1", _listen())
	_shake_hands(channel.poll)
	check(_until(func() -> bool: return channel.phase == Channel.Phase.OPEN, channel.poll), "not open")
	var pings := PackedByteArray()
	for index in 4000:
		pings.append_array(Zmtp.command("PING", "0123456789abcdef01".to_ascii_buffer()))
	for round in 60:
		peer.put_partial_data(pings)
		channel.poll()
	check(channel._waiting_bytes <= Channel.MAX_WAITING_BYTES + 64, "%d bytes wait" % channel._waiting_bytes)
	channel.close()


func test_a_picture_waits_for_nothing_and_a_full_connection_takes_no_more() -> void:
	var channel := Channel.new()
	channel.open("127.0.0.1", _listen())
	_shake_hands(channel.poll)
	check(_until(func() -> bool: return channel.phase == Channel.Phase.OPEN, channel.poll), "not open")
	var picture := PackedByteArray()
	picture.resize(500_000)
	var began_msec := Time.get_ticks_msec()
	var taken := 0
	for index in 100:
		taken += int(channel.is_clear() and channel.send([picture]))
	check(taken < 60, "all of %d pictures were taken by a peer that reads none" % taken)
	check(channel.stalled_usec() > 0, "a stall must be seen")
	check(Time.get_ticks_msec() - began_msec < 2000, "sending blocked")
	channel.close()


func test_the_wishes_of_a_stranger_have_limits() -> void:
	var conversation := Conversation.new("tcp://127.0.0.1:%d" % _listen(), "token", {"play": "engine"})
	var step := func() -> void: conversation.tick(Time.get_ticks_usec())
	_shake_hands(step)
	_say(Messages.Kind.WELCOME, {"session": 3, "picture_width": 2000000000, "picture_height": -5})
	check(_until(func() -> bool: return not conversation.welcome.is_empty(), step), "no session")
	check_equal(conversation.welcome["picture_width"], 1280, "width")
	check_equal(conversation.welcome["picture_height"], 16, "height")
	_say(Messages.Kind.STATUS, {"session": 4})
	_say(Messages.Kind.ERROR, {"code": "x", "fatal": "yes"})
	_say(Messages.Kind.BYE, {"session": 3})
	check(_until(func() -> bool: return conversation.welcome.is_empty(), step), "bye does not end the session")
	conversation.close()


func test_a_wish_that_comes_between_hello_and_welcome_is_not_lost() -> void:
	var conversation := Conversation.new("tcp://127.0.0.1:%d" % _listen(), "token", {"play": "engine", "seed": 1})
	var step := func() -> void: conversation.tick(Time.get_ticks_usec())
	_shake_hands(step)
	check(_until(func() -> bool: return _count_heard("engine") == 1, step), "no hello came")
	check(not conversation.send_control({"play": "runtime"}), "there is no session yet")
	conversation.update_hello({"play": "runtime"})
	_say(Messages.Kind.WELCOME, {"session": 3})
	check(_until(func() -> bool: return _count_heard("runtime") == 1, step), "the wish was lost")
	check_equal(_count_heard("seed"), 1, "what did not change is not sent again")
	conversation.close()
