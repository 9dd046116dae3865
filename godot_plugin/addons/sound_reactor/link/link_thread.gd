## The link's thread: it turns the conversation, feeds the playout lines, and packs pictures.
##
## The main thread leaves its wishes in slots under a lock and takes away what happened; neither waits for the other.
## Only the newest picture is kept: skipping, not queueing.
extends RefCounted

const Conversation := preload("conversation.gd")
const PlayoutLine := preload("../audio/playout_line.gd")

## With a session the loop runs 500 times a second (1 % of a core); without one there is no hurry.
const BUSY_USEC := 2_000
const IDLE_USEC := 10_000
const KEPT_LATENCIES := 256
## Events kept for a game that hitches; a peer that floods must not cost memory.
const KEPT_EVENTS := 1024

var _thread: Thread
var _lock := Mutex.new()
var _is_ending := false
var _picture: Image
var _picture_ns := 0
var _picture_flags := 0
var _controls := {}
var _events: Array[Array] = []
var _lines: Array[PlayoutLine] = []
var _numbers := {}
var _frames_skipped := 0
var _hops_received := 0
var _arrival_ms := PackedFloat32Array()
var _takes_frames := false


## Begin. Empty endpoint and token are looked up; [param hello] is what sessions are opened with.
func start(endpoint: String, token: String, hello: Dictionary) -> void:
	_is_ending = false
	_thread = Thread.new()
	_thread.start(_run.bind(Conversation.new(endpoint, token, hello)))


## End the session and the thread. Nothing in it blocks, so this takes a few milliseconds.
func stop() -> void:
	if _thread == null:
		return
	_lock.lock()
	_is_ending = true
	_lock.unlock()
	_thread.wait_to_finish()
	_thread = null


## Send this picture, unless a newer one comes before the connection is free.
func offer_picture(picture: Image, capture_ns: int, flags: int) -> void:
	_lock.lock()
	if _picture != null:
		_frames_skipped += 1
		flags |= _picture_flags  # a scene cut must not be lost with its picture
	_picture = picture
	_picture_ns = capture_ns
	_picture_flags = flags
	_lock.unlock()


## Whether a picture would be sent now.
func takes_frames() -> bool:
	return _takes_frames


## Change the session, and the ones after a reconnect.
func control(changes: Dictionary) -> void:
	_lock.lock()
	_controls.merge(changes, true)
	_lock.unlock()


## Feed this line from now on.
func add_line(line: PlayoutLine) -> void:
	_lock.lock()
	if line not in _lines:
		_lines.append(line)
	_lock.unlock()


## Feed it no more.
func remove_line(line: PlayoutLine) -> void:
	_lock.lock()
	_lines.erase(line)
	_lock.unlock()


## Return what happened since the last call, oldest first.
func take_events() -> Array[Array]:
	_lock.lock()
	var events := _events
	_events = []
	_lock.unlock()
	return events


## Return the counters as they are now.
func numbers() -> Dictionary:
	_lock.lock()
	var result := _numbers.duplicate()
	result["frames_skipped"] = _frames_skipped
	result["hops_received"] = _hops_received
	result["arrival_ms"] = _arrival_ms.duplicate()
	_lock.unlock()
	return result


func _run(conversation: Conversation) -> void:
	while true:
		_lock.lock()
		var is_ending := _is_ending
		var lines := _lines.duplicate()
		_lock.unlock()
		if is_ending:
			break
		conversation.tick(Time.get_ticks_usec())
		_hand_over(conversation, lines)
		_send(conversation)
		OS.delay_usec(IDLE_USEC if conversation.welcome.is_empty() else BUSY_USEC)
	conversation.close()


func _hand_over(conversation: Conversation, lines: Array[PlayoutLine]) -> void:
	for event in conversation.events:
		if event[0] in ["session_lost", "welcome"]:
			for line in lines:
				line.end_session()
	var now_usec := Time.get_ticks_usec()
	for audio in conversation.hops:
		for line in lines:
			line.receive(audio.hop, audio.sound)
	for line in lines:
		line.tick(now_usec)
	if not conversation.events.is_empty() or not conversation.hops.is_empty():
		_publish(conversation, now_usec)
	conversation.events.clear()
	conversation.hops.clear()


func _publish(conversation: Conversation, now_usec: int) -> void:
	_lock.lock()
	_events.append_array(conversation.events)
	if _events.size() > KEPT_EVENTS:
		_events = _events.slice(-KEPT_EVENTS)
	_hops_received += conversation.hops.size()
	for audio in conversation.hops:
		if audio.capture_ns > 0:
			_arrival_ms.append((now_usec - audio.capture_ns * 1e-3) * 1e-3)
	if _arrival_ms.size() > KEPT_LATENCIES:
		_arrival_ms = _arrival_ms.slice(-KEPT_LATENCIES)
	_numbers = {
		"sessions": conversation.sessions,
		"frames_sent": conversation.frames_sent,
		"frames_rejected": conversation.frames_rejected,
		"damaged_messages": conversation.damaged,
		"round_trip_ms": conversation.round_trip_usec * 1e-3,
		"clock_offset_ms": conversation.clock_offset_usec * 1e-3,
	}
	_lock.unlock()


func _send(conversation: Conversation) -> void:
	_takes_frames = conversation.takes_frames()
	_lock.lock()
	var controls := _controls
	_controls = {}
	var picture: Image = null
	var capture_ns := _picture_ns
	var flags := _picture_flags
	if _takes_frames:
		picture = _picture
	if _takes_frames or conversation.welcome.is_empty():
		_picture = null
	_lock.unlock()
	if not controls.is_empty():
		_send_controls(conversation, controls)
	if picture != null:
		_send_picture(conversation, picture, capture_ns, flags)


func _send_controls(conversation: Conversation, controls: Dictionary) -> void:
	conversation.send_control(controls)
	var lasting := {}
	for key: String in ["play", "seed"]:
		if key in controls:
			lasting[key] = controls[key]
	conversation.update_hello(lasting)


func _send_picture(conversation: Conversation, picture: Image, capture_ns: int, flags: int) -> void:
	var size := Vector2i(conversation.welcome["picture_width"] as int, conversation.welcome["picture_height"] as int)
	if picture.get_size() != size:
		picture.resize(size.x, size.y, Image.INTERPOLATE_TRILINEAR)
	picture.convert(Image.FORMAT_RGB8)
	conversation.send_frame(picture.get_data(), size, capture_ns, flags)
