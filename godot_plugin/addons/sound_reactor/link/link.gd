@tool
@icon("../icons/link.svg")
## The connection to a SoundReactor runtime: frames go out, sound comes back.
##
## Put one into a scene (or make it an autoload to keep one session over all scenes), beside a
## [SoundReactorCapture] and a [SoundReactorPlayer]. The network has a thread of its own and never blocks the game.
## Start game and runtime in any order; a runtime that ends is found again when it is back.
class_name SoundReactorLink
extends Node

## The connection is in another state; [param message] says in words what is wrong and what to do (empty if all is well).
signal state_changed(state: State, message: String)
## A session is open. [param welcome] has the keys of the protocol: bundle, picture_width, server_version, ….
signal session_opened(welcome: Dictionary)
## The session is over; the link looks for a new one by itself.
signal session_lost(reason: String)
## The runtime's status came, twice a second.
signal status_received(status: Dictionary)
## The runtime refused something: its code, what it expected, what it got, what to do.
signal error_received(code: String, expected: String, got: String, fix: String)

const LinkThread := preload("link_thread.gd")
const Measurements := preload("measurements.gd")
const Messages := preload("../wire/messages.gd")
const PlayoutLine := preload("../audio/playout_line.gd")
const RuntimeAddress := preload("runtime_address.gd")
const RuntimeKeeper := preload("runtime_keeper.gd")
const RuntimeProcess := preload("runtime_process.gd")
const State := preload("connection_state.gd").State

## The group that every link in the tree is in; nodes without a chosen link take the first.
const GROUP := &"sound_reactor_link"
const VERSION := "0.1.0"

## Who plays the sound.
enum Play {
	## The game, through [SoundReactorPlayer], on any bus.
	ENGINE,
	## The runtime, on the sound device it was started with. Nothing comes back.
	RUNTIME,
	## Both, for comparing.
	BOTH,
}

const PLAY_WORDS: Dictionary[Play, String] = {Play.ENGINE: "engine", Play.RUNTIME: "runtime", Play.BOTH: "both"}

@export_group("Connection")
## Where the runtime listens, as [code]tcp://HOST:PORT[/code]. Empty: where this machine's runtime says it is, else
## [code]tcp://127.0.0.1:5599[/code].
@export var address := "":
	set(value):
		address = value
		_settings_changed()
## The runtime's token. Empty: read from this machine's runtime.
@export var token := "":
	set(value):
		token = value
		_settings_changed()
## Connect when the scene starts; else call [method open].
@export var connect_on_ready := true

@export_group("Sound")
## Who plays the sound.
@export var play := Play.ENGINE:
	set(value):
		play = value
		_control({"play": PLAY_WORDS[play]})
		if play == Play.RUNTIME:
			for line in _lines:
				line.end_session()  # no sound will come: that is no underrun
		update_configuration_warnings()
## How closely the sound follows the picture: 0 to 10; −1 leaves it to the model bundle.
@export_range(-1.0, 10.0, 0.1) var guidance := -1.0:
	set(value):
		guidance = value
		_control(_model_settings())
## Function evaluations per hop, 1 to 64: more is finer and slower. 0 leaves it to the model bundle.
@export_range(0, 64) var nfe := 0:
	set(value):
		nfe = value
		_control(_model_settings())
## Of the model's noise: the same seed and pictures give the same sound in the same rhythm.
@export var noise_seed := 0:
	set(value):
		noise_seed = maxi(0, value)
		_control({"seed": noise_seed})
## Loudness of what the runtime plays itself (linear, 0 to 4). Players have a gain of their own.
@export_range(0.0, 4.0, 0.01) var runtime_gain := 1.0:
	set(value):
		runtime_gain = clampf(value, 0.0, 4.0)
		_control({"gain": runtime_gain})
## Silence what the runtime plays itself.
@export var runtime_mute := false:
	set(value):
		runtime_mute = value
		_control({"mute": runtime_mute})
## Pause the session while the tree is paused. Else the last picture sounds on.
@export var pause_with_tree := true

@export_group("Starting the runtime")
## Start the runtime if nobody listens, and end it again with the game (if we started it).
@export var start_runtime := false:
	set(value):
		start_runtime = value
		update_configuration_warnings()
## Do so in exported games, too. Ship the runtime beside the game then: see docs/godot.md.
@export var start_runtime_in_exports := false
## The command or its path ([code]res://[/code] and [code]user://[/code] work in the editor). Empty: the environment
## variable [code]SR_RUNTIME[/code], else [code]sr-runtime[/code] on the PATH.
@export_global_file var runtime_command := ""
## Further words for [code]sr-runtime serve[/code], for example [code]--bundle[/code], [code]probe[/code].
@export var runtime_arguments := PackedStringArray()

## What the connection is doing now.
var state := State.OFF
## What is wrong and what to do about it; empty if all is well.
var state_message := ""
## Of the open session; empty without one.
var welcome := {}

var _worker: LinkThread
var _lines: Array[PlayoutLine] = []
var _runtime := RuntimeKeeper.new()
var _measurements := Measurements.new()
var _flags_of_next_frame := 0
var _is_paused := false
var _is_restart_due := false
var _announced := ""


func _init() -> void:
	process_mode = Node.PROCESS_MODE_ALWAYS


## The engine switches processing on just before this; in the editor nothing runs.
func _ready() -> void:
	set_process(not Engine.is_editor_hint())


func _enter_tree() -> void:
	add_to_group(GROUP)
	if not Engine.is_editor_hint() and connect_on_ready:
		open()


func _exit_tree() -> void:
	close()


func _notification(what: int) -> void:
	if what == NOTIFICATION_PREDELETE:
		_runtime.stop()


func _process(_delta: float) -> void:
	_measurements.main_thread.end_frame()
	var began_usec := Time.get_ticks_usec()
	if _is_restart_due:
		_reopen()
	if _worker != null:
		_follow_pause()
		for event in _worker.take_events():
			_handle(event)
		_watch_runtime()
	_measurements.main_thread.add_since(began_usec)


func _get_configuration_warnings() -> PackedStringArray:
	var warnings := PackedStringArray()
	if not address.is_empty() and RuntimeAddress.split(address).is_empty():
		warnings.append("The address must look like tcp://127.0.0.1:5599.")
	if start_runtime and RuntimeProcess.find(runtime_command).is_empty():
		warnings.append("The runtime cannot be started: '%s' was not found. Install it, or set its path."
				% (runtime_command if runtime_command else RuntimeProcess.COMMAND))
	if start_runtime and not RuntimeAddress.is_here(address):
		warnings.append("A runtime can be started on this machine only, but the address is another one.")
	if token.is_empty() and not RuntimeAddress.is_here(address):
		warnings.append("The address is another machine's: copy its runtime's token here; this machine's is not sent to it.")
	if is_inside_tree() and get_tree().get_nodes_in_group(GROUP).size() > 1:
		warnings.append("There are several links: each costs a session. Usually one is enough for all players.")
	return warnings


## Return the first link in the tree of [param node], or null.
static func find_in(node: Node) -> SoundReactorLink:
	return node.get_tree().get_first_node_in_group(GROUP) as SoundReactorLink if node.is_inside_tree() else null


## Connect, and stay connected until [method close].
func open() -> void:
	if _worker != null:
		return
	_worker = LinkThread.new()
	for line in _lines:
		_worker.add_line(line)
	_is_paused = false
	_enter(State.CONNECTING, "")
	_worker.start(address, token, {
		"protocol": Messages.PROTOCOL,
		"protocol_minor": Messages.PROTOCOL_MINOR,
		"client": "godot-plugin",
		"client_version": VERSION,
		"mode": "live",
		"play": PLAY_WORDS[play],
		"audio": "float32",
		"seed": noise_seed,
	})


## End the session. What this link started ends when the link is freed.
func close() -> void:
	if _worker == null:
		return
	_worker.stop()
	_worker = null
	welcome = {}
	for line in _lines:
		line.end_session()
	_enter(State.OFF, "")


## Forget all pictures and sound so far, as at the start of a level.
func reset() -> void:
	mark_scene_cut()
	_control({"reset": true})


## Tell that the next picture shows another scene: the difference to the one before means nothing.
func mark_scene_cut() -> void:
	_flags_of_next_frame |= Messages.DISCONTINUITY


## Return the size in pixels that the runtime wants pictures in; zero without a session.
func get_picture_size() -> Vector2i:
	if welcome.is_empty():
		return Vector2i.ZERO
	return Vector2i(welcome["picture_width"] as int, welcome["picture_height"] as int)


## Whether a picture would be sent now.
func takes_frames() -> bool:
	return _worker != null and not welcome.is_empty() and _worker.takes_frames()


## Send a picture of any size; [param capture_usec] is [method Time.get_ticks_usec] when it was taken. Do not
## use [param picture] afterwards. [SoundReactorCapture] does this; call it for pictures of your own.
func send_picture(picture: Image, capture_usec: int) -> void:
	if _worker == null or picture == null or picture.is_empty():
		return
	_measurements.frames_captured += 1
	_worker.offer_picture(picture, capture_usec * 1000, _flags_of_next_frame)
	_flags_of_next_frame = 0


## Feed this playout line with every hop. Players do this.
func add_line(line: PlayoutLine) -> void:
	_lines.append(line)
	if _worker != null:
		_worker.add_line(line)


## Feed it no more.
func remove_line(line: PlayoutLine) -> void:
	_lines.erase(line)
	if _worker != null:
		_worker.remove_line(line)


## Count time that a node of the plugin has taken from the main thread since [param began_usec].
func add_main_thread_cost(began_usec: int) -> void:
	_measurements.main_thread.add_since(began_usec)


## Return what was measured so far.
func get_statistics() -> SoundReactorStatistics:
	return _measurements.gather(_worker.numbers() if _worker != null else {}, _lines)


func _handle(event: Array) -> void:
	match event[0]:
		"state":
			_enter(event[1] as State, event[2] as String)
		"welcome":
			welcome = event[1]
			_runtime.note_session()
			_control(_session_settings())
			_note_versions()
			session_opened.emit(welcome)
		"session_lost":
			welcome = {}
			session_lost.emit(event[1])
		"status":
			_measurements.runtime_status = event[1]
			status_received.emit(_measurements.runtime_status)
		"error":
			error_received.emit(event[1], event[2], event[3], event[4])


func _enter(new_state: State, message: String) -> void:
	state = new_state
	state_message = message
	if state == State.RUNNING:
		_announced = ""
	# One line per trouble, not one per attempt: a message is said again only after things were well.
	elif not message.is_empty() and message != _announced and not _is_waiting_for_runtime():
		_announced = message
		push_warning("SoundReactor: %s" % message)
	state_changed.emit(state, message)


func _note_versions() -> void:
	var notice: String = welcome["notice"]
	if not notice.is_empty() and play != Play.ENGINE:
		push_warning("SoundReactor: the runtime says: %s" % notice)


func _session_settings() -> Dictionary:
	var settings := {"gain": runtime_gain, "mute": runtime_mute, "pause": _is_paused}
	return settings.merged(_model_settings())


func _model_settings() -> Dictionary:
	var settings := {}
	if guidance >= 0.0:
		settings["guidance"] = guidance
	if nfe > 0:
		settings["nfe"] = nfe
	return settings


func _control(changes: Dictionary) -> void:
	if _worker != null and not changes.is_empty():
		_worker.control(changes)


func _follow_pause() -> void:
	var is_paused := pause_with_tree and get_tree().paused
	if is_paused != _is_paused:
		_is_paused = is_paused
		_control({"pause": is_paused})


func _settings_changed() -> void:
	_is_restart_due = _worker != null
	update_configuration_warnings()


func _reopen() -> void:
	_is_restart_due = false
	close()
	open()


# -- a runtime of our own ------------------------------------------------------------------------------


func _may_start_runtime() -> bool:
	return start_runtime and (OS.has_feature("editor") or start_runtime_in_exports)


func _is_waiting_for_runtime() -> bool:
	return state == State.NOBODY_LISTENS and _may_start_runtime() and _runtime.may_come()


func _watch_runtime() -> void:
	if _runtime.has_died():
		_enter(state, _runtime.problem)
	if state != State.NOBODY_LISTENS or _runtime.is_tried() or not _may_start_runtime():
		return
	var words := runtime_arguments.duplicate()
	if not address.is_empty():
		words.append_array(["--endpoint", address])
	if not _runtime.start(runtime_command, words):
		_enter(state, _runtime.problem)
