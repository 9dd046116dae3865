@tool
## The dock: is a runtime there, start and stop one, add link, capture and player to the edited scene.
extends VBoxContainer

const Channel := preload("../link/channel.gd")
const RuntimeAddress := preload("../link/runtime_address.gd")
const RuntimeProcess := preload("../link/runtime_process.gd")

const COMMAND_SETTING := "sound_reactor/runtime_command"
const LOOK_EVERY_S := 2.0
const LOOK_FOR_S := 1.0
const NODES: Dictionary[String, Script] = {
	"SoundReactorLink": preload("../link/link.gd"),
	"SoundReactorCapture": preload("../capture/capture.gd"),
	"SoundReactorPlayer": preload("../audio/player.gd"),
}

## Set by the plugin.
var undo_redo: EditorUndoRedoManager

var _state := Label.new()
var _command := LineEdit.new()
var _bundle := LineEdit.new()
var _start := Button.new()
var _add := Button.new()
var _runtime := RuntimeProcess.new()
var _channel := Channel.new()
var _until_look_s := 0.0
var _looking_s := 0.0


func _ready() -> void:
	_state.autowrap_mode = TextServer.AUTOWRAP_WORD_SMART
	add_child(_state)
	var settings := EditorInterface.get_editor_settings()
	_command.text = str(settings.get_setting(COMMAND_SETTING)) if settings.has_setting(COMMAND_SETTING) else ""
	_add_line("Command", _command, RuntimeProcess.COMMAND, "The runtime's command or path; empty: from the PATH.")
	_add_line("Bundle", _bundle, "default", "A model bundle's folder, or a shipped name: default, probe.")
	_start.pressed.connect(_on_start)
	add_child(_start)
	_add.text = "Add nodes to this scene"
	_add.tooltip_text = "Link, capture and player under the scene's root; can be undone."
	_add.pressed.connect(add_nodes)
	add_child(_add)
	_show("looking for a runtime …")


func _process(delta: float) -> void:
	if _runtime.has_died():
		_show(_runtime.problem)
	_start.text = "Stop the runtime" if _runtime.is_running() else "Start the runtime"
	_until_look_s -= delta
	if _channel.phase == Channel.Phase.CLOSED and _looking_s == 0.0:
		if _until_look_s <= 0.0 and is_visible_in_tree():
			_until_look_s = LOOK_EVERY_S
			_begin_look()
		return
	_looking_s += delta
	_channel.poll()
	if _channel.phase in [Channel.Phase.OPEN, Channel.Phase.CLOSED] or _looking_s > LOOK_FOR_S:
		_end_look()


## End what was started, when the plugin is switched off or the editor closes.
func end() -> void:
	_channel.close()
	_runtime.stop()


## Add link, capture and player under the edited scene's root, unless they are there.
func add_nodes() -> void:
	var root := EditorInterface.get_edited_scene_root()
	if root == null:
		_show("open or make a scene first")
		return
	undo_redo.create_action("Add SoundReactor nodes")
	for title in NODES:
		if root.find_children("*", title).is_empty():
			_plan_node(root, title)
	undo_redo.commit_action()


func _plan_node(root: Node, title: String) -> void:
	var node: Node = NODES[title].new()
	node.name = title
	undo_redo.add_do_method(root, &"add_child", node, true)
	undo_redo.add_do_method(node, &"set_owner", root)
	undo_redo.add_do_reference(node)
	undo_redo.add_undo_method(root, &"remove_child", node)


func _add_line(title: String, edit: LineEdit, placeholder: String, hint: String) -> void:
	var line := HBoxContainer.new()
	var label := Label.new()
	label.text = title
	line.add_child(label)
	edit.placeholder_text = placeholder
	edit.tooltip_text = hint
	edit.size_flags_horizontal = Control.SIZE_EXPAND_FILL
	line.add_child(edit)
	add_child(line)


func _on_start() -> void:
	if _runtime.is_running():
		_runtime.stop()
		return
	EditorInterface.get_editor_settings().set_setting(COMMAND_SETTING, _command.text)
	var words := PackedStringArray()
	if not _bundle.text.is_empty():
		words = ["--bundle", _bundle.text]
	_show("starting …" if _runtime.start(_command.text, words) else _runtime.problem)


func _begin_look() -> void:
	var address: RuntimeAddress = RuntimeAddress.find("", "")
	_looking_s = 1e-6
	_channel.open(address.host, address.port)


func _end_look() -> void:
	if _channel.phase == Channel.Phase.OPEN:
		_show("a runtime listens")
	elif not _channel.failure.is_empty():
		_show("the port belongs to another program: %s" % _channel.failure)
	elif _channel.was_connected:
		_show("something listens, but does not answer")
	elif _runtime.is_starting():
		_show("starting …")
	else:
		_show("no runtime listens")
	_channel.close()
	_looking_s = 0.0


func _show(words: String) -> void:
	_state.text = words
