## What a link does to have and keep a session: hello, messages, liveness, errors.
##
## [method tick] does everything, in the link's thread, without blocking. What happened stands in [member events],
## [member hops] and the counters.
extends RefCounted

const Channel := preload("channel.gd")
const Dialer := preload("dialer.gd")
const Messages := preload("../wire/messages.gd")
const State := preload("connection_state.gd").State

## The runtime sends status twice a second.
const SILENT_AFTER_USEC := 2_000_000
## A runtime that hangs this long is left; if it wakes, a new session is as good.
const GIVE_UP_USEC := 6_000_000
const REJECTED_FOR_USEC := 1_000_000
const HELLO_AGAIN_USEC := 2_000_000
const PING_EVERY_USEC := 2_000_000

var state := State.CONNECTING
## Of the open session; empty if there is none.
var welcome := {}
## What happened since the caller last looked, as [code][name, argument, …][/code].
var events: Array[Array] = []
## Sound that came since the caller last looked.
var hops: Array[Messages.Audio] = []
var sessions := 0
var frames_sent := 0
var frames_rejected := 0
## Messages that could not be understood.
var damaged := 0
var clock_offset_usec := 0
var round_trip_usec := 0

var _hello: Dictionary
## What the newest hello had: a wish may come before its answer.
var _asked := {}
var _dialer: Dialer
var _channel: Channel
var _has_own_token := false
var _heard_usec := 0
var _rejected_usec := -REJECTED_FOR_USEC
var _hello_usec := 0
var _ping_usec := 0
var _is_refused := false
var _can_ask_again := false
var _seq := 0
var _message := ""


## Empty [param endpoint] or [param token] are looked up. [param hello] has everything but the token.
func _init(endpoint: String, token: String, hello: Dictionary) -> void:
	_hello = hello
	_dialer = Dialer.new(endpoint, token)
	_channel = _dialer.channel
	_has_own_token = not token.is_empty()


## Do what there is to do now.
func tick(now_usec: int) -> void:
	for message in _channel.poll():
		_heard_usec = now_usec
		_receive(message, now_usec)
	match _dialer.follow(now_usec):
		Dialer.News.OPENED:
			_heard_usec = now_usec
			_say_hello(now_usec)
		Dialer.News.CLOSED:
			_lose_session("the connection was closed")
			_is_refused = false
			if not _dialer.failure.is_empty():
				_enter(_dialer.failed_state, _dialer.failure)
	if _channel.phase == Channel.Phase.OPEN:
		_watch(now_usec)


## Send a picture (tightly packed rgb8); false if it had to be skipped.
func send_frame(pixels: PackedByteArray, size: Vector2i, capture_ns: int, flags: int) -> bool:
	if welcome.is_empty() or not _channel.is_clear():
		return false
	var head := Messages.frame_header(_session(), _seq + 1, capture_ns, size, pixels.size(), flags)
	if not _channel.send([head, pixels]):
		return false
	_seq += 1
	frames_sent += 1
	return true


## Whether a picture would go out now.
func takes_frames() -> bool:
	return not welcome.is_empty() and _channel.is_clear()


## Change the open session; false if there is none (hello carries what a new one needs).
func send_control(changes: Dictionary) -> bool:
	if welcome.is_empty():
		return false
	return _send(Messages.Kind.CONTROL, {"session": _session()}.merged(changes))


## Ask for what later sessions shall be opened with.
func update_hello(changes: Dictionary) -> void:
	_hello.merge(changes, true)


## Say bye and close.
func close() -> void:
	if not welcome.is_empty():
		_send(Messages.Kind.BYE, {"session": _session(), "reason": "closed by the game"})
	_channel.close()
	welcome = {}


func _session() -> int:
	return welcome["session"]


func _send(kind: Messages.Kind, map: Dictionary) -> bool:
	return _channel.send([Messages.encode(kind, map)])


# -- the session ---------------------------------------------------------------------------------------


func _watch(now_usec: int) -> void:
	var quiet_usec := maxi(now_usec - _heard_usec, _channel.stalled_usec())
	if _is_refused:
		if _can_ask_again and now_usec - _hello_usec > HELLO_AGAIN_USEC:
			_dialer.look_up()
			_say_hello(now_usec)
	elif quiet_usec > GIVE_UP_USEC:
		_dialer.hang_up(now_usec)
		_lose_session("the runtime does not answer")
	elif quiet_usec > SILENT_AFTER_USEC:
		_enter(State.SILENT, _dialer.silence())
	elif not welcome.is_empty():
		_keep_up(now_usec)


func _keep_up(now_usec: int) -> void:
	if now_usec - _rejected_usec >= REJECTED_FOR_USEC:
		_enter(State.RUNNING, "")
	if now_usec - _ping_usec > PING_EVERY_USEC:
		_ping_usec = now_usec
		_send(Messages.Kind.PING, {"session": _session(), "t0_ns": now_usec * 1000})


func _enter(new_state: State, message: String) -> void:
	if new_state == state and message == _message:
		return
	state = new_state
	_message = message
	events.append(["state", new_state, message])


func _lose_session(reason: String) -> void:
	if welcome.is_empty():
		return
	welcome = {}
	events.append(["session_lost", reason])
	_enter(State.CONNECTING, "")


# -- messages ------------------------------------------------------------------------------------------


func _say_hello(now_usec: int) -> void:
	_hello_usec = now_usec
	_asked = _hello.duplicate()
	_send(Messages.Kind.HELLO, {"token": _dialer.address.token}.merged(_hello))


func _receive(bytes: PackedByteArray, now_usec: int) -> void:
	var kind := Messages.kind_of(bytes)
	if kind == Messages.Kind.AUDIO:
		var audio := Messages.decode_audio(bytes)
		if audio == null:
			damaged += 1
		elif not welcome.is_empty() and audio.session == _session():
			hops.append(audio)
		return
	if kind == Messages.Kind.NONE:
		return
	var message := Messages.decode(bytes)
	if message.is_empty():
		damaged += 1
	elif kind == Messages.Kind.WELCOME:
		_open_session(message)
	elif kind == Messages.Kind.ERROR:
		_hear_error(message, now_usec)
	elif not welcome.is_empty() and message["session"] == _session():
		_receive_in_session(kind, message, now_usec)


func _receive_in_session(kind: Messages.Kind, message: Dictionary, now_usec: int) -> void:
	match kind:
		Messages.Kind.STATUS:
			events.append(["status", message])
		Messages.Kind.PONG:
			_read_pong(message, now_usec)
		Messages.Kind.BYE:
			_lose_session("the runtime ended the session: %s" % message["reason"])
			_say_hello(now_usec)


func _open_session(message: Dictionary) -> void:
	welcome = message
	# The protocol's limits for pictures: a stranger's wish must not become a texture of any size.
	welcome["picture_width"] = clampi(int(str(message["picture_width"])), 16, 1280)
	welcome["picture_height"] = clampi(int(str(message["picture_height"])), 16, 720)
	_is_refused = false
	_seq = 0
	sessions += 1
	_dialer.note_session()
	hops.clear()
	events.append(["welcome", message])
	_enter(State.RUNNING, "")
	_send_late_wishes()


func _send_late_wishes() -> void:
	var late := {}
	for key: String in _hello:
		if _hello[key] != _asked.get(key, _hello[key]):
			late[key] = _hello[key]
	if not late.is_empty():
		send_control(late)


func _read_pong(message: Dictionary, now_usec: int) -> void:
	var t0: int = message["t0_ns"]
	var t1: int = message["t1_ns"]
	var t2: int = message["t2_ns"]
	var t3 := now_usec * 1000
	@warning_ignore("integer_division")
	clock_offset_usec = ((t1 - t0) + (t2 - t3)) / 2000
	@warning_ignore("integer_division")
	round_trip_usec = ((t3 - t0) - (t2 - t1)) / 1000


func _hear_error(error: Dictionary, now_usec: int) -> void:
	var code: String = error["code"]
	var is_fatal: bool = error["fatal"]
	events.append(["error", code, error["expected"], error["got"], error["fix"]])
	var words := "%s: expected %s, got %s; %s" % [code, error["expected"], error["got"], error["fix"]]
	if is_fatal and code == "unknown_session" and not welcome.is_empty():
		_lose_session("the runtime does not know the session any more")
		_say_hello(now_usec)
	elif is_fatal:
		_lose_session(words)
		_refuse(code, words)
	elif error["seq"] != 0:
		frames_rejected += 1
		_rejected_usec = now_usec
		_enter(State.FRAMES_REJECTED, "the runtime cannot use the pictures: %s" % words)


func _refuse(code: String, words: String) -> void:
	_is_refused = true
	_can_ask_again = code == "server_busy" or code == "bad_token" and not _has_own_token
	var hint := " (%s)" % _dialer.address.problem if code == "bad_token" and _dialer.address.problem else ""
	_enter(State.REFUSED, "the runtime refuses: %s%s" % [words, hint])
