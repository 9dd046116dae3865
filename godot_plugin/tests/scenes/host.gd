## What the integration tests run: loads a scene, prints the link's figures as JSON lines, does what it is told.
##
## [codeblock]godot --path godot_plugin res://tests/scenes/host.tscn -- --scene=res://demo/demo.tscn --orders=FILE[/codeblock]
## Every line appended to FILE is an expression, evaluated here once; [code]link[/code], [code]scene[/code] and
## [code]tree[/code] are there.
extends Node

const Runner := preload("../run.gd")
const LINE_EVERY_S := 0.25

var link: SoundReactorLink
var scene: Node:
	get:
		return get_tree().current_scene
var tree: SceneTree:
	get:
		return get_tree()

var _orders_path := ""
var _orders_done := 0
var _until_line_s := 0.0
var _longest_frame_ms := 0.0


func _ready() -> void:
	process_mode = Node.PROCESS_MODE_ALWAYS
	_orders_path = Runner.argument("orders")
	# The demo starts a runtime by itself; a test that has its own must not be helped.
	get_tree().node_added.connect(func(node: Node) -> void:
		if node is SoundReactorLink and not Runner.argument("start"):
			(node as SoundReactorLink).start_runtime = false
		if node.has_signal(&"banged"):
			node.connect(&"banged", _on_bang))
	_move_out.call_deferred()


func _process(delta: float) -> void:
	_longest_frame_ms = maxf(_longest_frame_ms, delta * 1000.0)
	_follow_link()
	_obey()
	_until_line_s -= delta
	if _until_line_s <= 0.0:
		_until_line_s = LINE_EVERY_S
		_report()


## Live beside the scenes, so that they can be changed.
func _move_out() -> void:
	var here := get_tree()
	get_parent().remove_child(self)
	here.root.add_child(self)
	here.change_scene_to_file(Runner.argument("scene"))


func _follow_link() -> void:
	var found := SoundReactorLink.find_in(self)
	if found == link:
		return
	link = found
	if link == null:
		return
	_on_state(link.state, link.state_message)
	link.state_changed.connect(_on_state)
	link.session_opened.connect(func(welcome: Dictionary) -> void: _say({"event": "welcome", "welcome": welcome}))
	link.session_lost.connect(func(reason: String) -> void: _say({"event": "lost", "reason": reason}))
	link.error_received.connect(func(code: String, _expected: String, _got: String, fix: String) -> void:
		_say({"event": "error", "code": code, "fix": fix}))


func _on_state(state: SoundReactorLink.State, message: String) -> void:
	_say({"event": "state", "state": SoundReactorLink.State.find_key(state), "message": message})


## The flash is on the screen when this frame has been drawn.
func _on_bang() -> void:
	await RenderingServer.frame_post_draw
	_say({"event": "bang"})


func _report() -> void:
	_say({
		"event": "figures",
		"frame": Engine.get_process_frames(),
		"fps": Engine.get_frames_per_second(),
		"longest_frame_ms": _longest_frame_ms,
		"state": SoundReactorLink.State.find_key(link.state) if is_instance_valid(link) else "",
		"figures": link.get_statistics().to_dictionary() if is_instance_valid(link) else {},
	})
	_longest_frame_ms = 0.0


func _obey() -> void:
	if link == null or _orders_path.is_empty() or not FileAccess.file_exists(_orders_path):
		return
	var lines := FileAccess.get_file_as_string(_orders_path).split("\n", false)
	while _orders_done < lines.size():
		var order := lines[_orders_done]
		_orders_done += 1
		var expression := Expression.new()
		var result: Variant = "cannot be read: %s" % expression.get_error_text()
		if expression.parse(order) == OK:
			result = expression.execute([], self, true)
		_say({"event": "done", "order": order, "result": str(result)})


## Set a property; expressions cannot.
func put(object: Object, property: StringName, value: Variant) -> void:
	object.set(property, value)


## How many frames the game has gone through.
func frames() -> int:
	return Engine.get_process_frames()


## How many threads this process has; 0 where that cannot be told.
func threads() -> int:
	var path := "/proc/%d/task" % OS.get_process_id()
	return DirAccess.get_directories_at(path).size() if DirAccess.dir_exists_absolute(path) else 0


## Of the engine's mixer.
func mix_rate() -> float:
	return AudioServer.get_mix_rate()


## Take the scene's link, capture and player out of the scene, as an autoload would hold them.
func keep_link() -> void:
	for name: String in ["SoundReactorLink", "SoundReactorCapture", "SoundReactorPlayer"]:
		scene.get_node(name).reparent(self, false)


## Block the main thread, as a badly loaded level does.
func hitch(milliseconds: int) -> void:
	OS.delay_msec(milliseconds)


## Save the window's picture.
func save_picture(path: String) -> void:
	get_viewport().get_texture().get_image().save_png(path)


func _say(line: Dictionary) -> void:
	line["ms"] = Time.get_ticks_msec()
	line["usec"] = Time.get_ticks_usec()
	print("REPORT ", JSON.stringify(line))
