## Prints the link's figures as JSON lines, obeys words on standard input's stead (user arguments), and quits in time.
extends Node

const Runner := preload("../run.gd")

@export var link: SoundReactorLink

var _until_quit_s := 10.0
var _until_line_s := 0.0


func _ready() -> void:
	process_mode = Node.PROCESS_MODE_ALWAYS
	_until_quit_s = Runner.argument("seconds").to_float()
	link.state_changed.connect(func(state: SoundReactorLink.State, message: String) -> void:
		_say({"event": "state", "state": SoundReactorLink.State.find_key(state), "message": message}))
	link.session_opened.connect(func(welcome: Dictionary) -> void: _say({"event": "welcome", "welcome": welcome}))
	link.session_lost.connect(func(reason: String) -> void: _say({"event": "lost", "reason": reason}))


func _process(delta: float) -> void:
	_until_line_s -= delta
	_until_quit_s -= delta
	if _until_line_s <= 0.0:
		_until_line_s = 0.5
		_say({"event": "figures", "fps": Engine.get_frames_per_second(), "figures": link.get_statistics().to_dictionary()})
	if _until_quit_s <= 0.0:
		get_tree().quit()


func _say(line: Dictionary) -> void:
	line["ms"] = Time.get_ticks_msec()
	print("REPORT ", JSON.stringify(line))
