## What a link does to have and keep a session: connect, hello, reconnect, liveness, errors.
##
## [method tick] does everything, in the link's thread, without blocking. What happened stands in [member events],
## [member hops] and the counters.
extends RefCounted

const Channel := preload("channel.gd")
const Messages := preload("../wire/messages.gd")
const RuntimeAddress := preload("runtime_address.gd")
const State := preload("connection_state.gd").State

const CLIENT := "godot-plugin"
const FIRST_RETRY_USEC := 100_000
const LONGEST_RETRY_USEC := 2_000_000
const CONNECT_USEC := 2_000_000
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

var _endpoint: String
var _token: String
var _hello: Dictionary
var _address: RuntimeAddress
var _channel := Channel.new()
var _phase := Channel.Phase.CLOSED
var _attempt_usec := 0
var _opened_usec := 0
var _retry_usec := FIRST_RETRY_USEC
var _heard_usec := 0
var _rejected_usec := -REJECTED_FOR_USEC
var _hello_usec := 0
var _ping_usec := 0
var _is_refused := false
var _can_ask_again := false
var _seq := 0
var _message := ""


## Empty [param endpoint] or [param token] are read from the connection file at every attempt: a restarted
## runtime has a new token. [param hello] has everything but the token.
func _init(endpoint: String, token: String, hello: Dictionary) -> void:
	_endpoint = endpoint
	_token = token
	_hello = hello


## Do what there is to do now.
func tick(now_usec: int) -> void:
	if _channel.phase == Channel.Phase.CLOSED:
		_stay_closed(now_usec)
		return
	for message in _channel.poll():
		_heard_usec = now_usec
		_receive(message, now_usec)
	if _channel.phase != _phase:
		_follow(now_usec)
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


# -- the connection ------------------------------------------------------------------------------------


func _stay_closed(now_usec: int) -> void:
	if now_usec < _attempt_usec:
		return
	_address = RuntimeAddress.find(_endpoint, _token)
	_attempt_usec = now_usec + _retry_usec
	_retry_usec = mini(2 * _retry_usec, LONGEST_RETRY_USEC)
	if _address.port == 0:
		_enter(State.REFUSED, _address.problem)
		return
	_opened_usec = now_usec
	_channel.open(_address.host, _address.port)
	_phase = _channel.phase
	if _phase == Channel.Phase.CLOSED:
		_explain_closed()


func _follow(now_usec: int) -> void:
	var before := _phase
	_phase = _channel.phase
	match _phase:
		Channel.Phase.OPEN:
			_heard_usec = now_usec
			_say_hello(now_usec)
		Channel.Phase.CLOSED:
			_lose_session("the connection was closed")
			_is_refused = false
			_attempt_usec = now_usec + _retry_usec
			if before != Channel.Phase.OPEN or not _channel.failure.is_empty():
				_explain_closed()


func _explain_closed() -> void:
	if not _channel.was_connected:
		_enter(State.NOBODY_LISTENS,
				"nobody listens at %s: start the runtime with 'sr-runtime serve', or check the address" % _address.endpoint)
	elif not _channel.failure.is_empty():
		_enter(State.SILENT, "%s is no SoundReactor runtime: %s" % [_address.endpoint, _channel.failure])


func _drop(now_usec: int) -> void:
	_channel.close()
	_phase = Channel.Phase.CLOSED
	_attempt_usec = now_usec + _retry_usec
	_lose_session("the runtime does not answer")


func _watch(now_usec: int) -> void:
	if _channel.phase == Channel.Phase.CLOSED:
		return
	if _channel.phase != Channel.Phase.OPEN:
		if now_usec - _opened_usec > CONNECT_USEC:
			_explain_slow()
			_drop(now_usec)
		return
	var quiet_usec := maxi(now_usec - _heard_usec, _channel.stalled_usec())
	if quiet_usec > SILENT_AFTER_USEC and not _is_refused:
		_enter(State.SILENT, _silent_message())
	elif not welcome.is_empty():
		_enter_session_state(now_usec)
	if quiet_usec > GIVE_UP_USEC and not _is_refused:
		_drop(now_usec)
	elif _is_refused and _can_ask_again and now_usec - _hello_usec > HELLO_AGAIN_USEC:
		_address = RuntimeAddress.find(_endpoint, _token)
		_say_hello(now_usec)
	elif not welcome.is_empty() and now_usec - _ping_usec > PING_EVERY_USEC:
		_ping_usec = now_usec
		_send(Messages.Kind.PING, {"session": _session(), "t0_ns": now_usec * 1000})


func _explain_slow() -> void:
	if _channel.was_connected:
		_enter(State.SILENT, _silent_message())
	else:
		_enter(State.NOBODY_LISTENS, "%s cannot be reached: check host and port" % _address.endpoint)


func _silent_message() -> String:
	return ("%s accepts connections but does not answer: another program may own the port, or the runtime hangs"
			% _address.endpoint)


func _enter_session_state(now_usec: int) -> void:
	if now_usec - _rejected_usec >= REJECTED_FOR_USEC:
		_enter(State.RUNNING, "")


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
	_retry_usec = FIRST_RETRY_USEC
	events.append(["session_lost", reason])
	_enter(State.CONNECTING, "")


# -- messages ------------------------------------------------------------------------------------------


func _say_hello(now_usec: int) -> void:
	_hello_usec = now_usec
	_send(Messages.Kind.HELLO, {"token": _address.token}.merged(_hello))


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
	_retry_usec = FIRST_RETRY_USEC
	hops.clear()
	events.append(["welcome", message])
	_enter(State.RUNNING, "")


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
	_can_ask_again = code == "server_busy" or code == "bad_token" and _token.is_empty()
	var hint := " (%s)" % _address.problem if code == "bad_token" and _address.problem else ""
	_enter(State.REFUSED, "the runtime refuses: %s%s" % [words, hint])
