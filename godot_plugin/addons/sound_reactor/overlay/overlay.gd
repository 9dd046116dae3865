@tool
@icon("../icons/overlay.svg")
## A few lines over the game: the link's state, latency, drops, underruns.
##
## It is part of the window's picture, so a [SoundReactorCapture] of the window shows it to the model: hide it when you
## judge the sound, or capture a camera.
class_name SoundReactorOverlay
extends CanvasLayer

const REFRESH_S := 0.25
const GOOD := Color("8eef97")
const BAD := Color("ffb36b")

## Whose figures are shown. Empty: the first link in the tree.
@export var link: SoundReactorLink:
	set(value):
		link = value
		update_configuration_warnings()
## An input action that shows and hides the overlay; empty for none.
@export var toggle_action := &"":
	set(value):
		toggle_action = value
		update_configuration_warnings()

var _label: Label
var _wait_s := 0.0


func _init() -> void:
	layer = 100
	process_mode = Node.PROCESS_MODE_ALWAYS


func _ready() -> void:
	set_process(not Engine.is_editor_hint())
	if Engine.is_editor_hint():
		return
	_label = Label.new()
	_label.position = Vector2(8, 6)
	_label.add_theme_font_size_override(&"font_size", 12)
	_label.add_theme_constant_override(&"outline_size", 4)
	_label.add_theme_color_override(&"font_outline_color", Color(0, 0, 0, 0.8))
	add_child(_label)


func _process(delta: float) -> void:
	if not toggle_action.is_empty() and InputMap.has_action(toggle_action) and Input.is_action_just_pressed(toggle_action):
		visible = not visible
	_wait_s -= delta
	if not visible or _wait_s > 0.0:
		return
	_wait_s = REFRESH_S
	var shown := link if is_instance_valid(link) else SoundReactorLink.find_in(self)
	_label.text = describe(shown)
	var is_good := shown != null and shown.state == SoundReactorLink.State.RUNNING
	_label.add_theme_color_override(&"font_color", GOOD if is_good else BAD)


func _get_configuration_warnings() -> PackedStringArray:
	var warnings := PackedStringArray()
	if is_inside_tree() and link == null and SoundReactorLink.find_in(self) == null:
		warnings.append("There is no SoundReactorLink in this scene. Add one, choose one, or make one an autoload.")
	if not toggle_action.is_empty() and not ProjectSettings.has_setting("input/" + toggle_action):
		warnings.append("The project has no input action '%s'." % toggle_action)
	return warnings


## Return the overlay's text for a link.
static func describe(shown: SoundReactorLink) -> String:
	if shown == null:
		return "SoundReactor: no link"
	var state_name: String = SoundReactorLink.State.find_key(shown.state)
	var lines := PackedStringArray(["SoundReactor: %s" % state_name.to_lower().replace("_", " ")])
	if not shown.state_message.is_empty():
		lines.append(shown.state_message)
	if shown.welcome.is_empty():
		return "\n".join(lines)
	var figures := shown.get_statistics()
	lines.append("bundle %s, session %d" % [shown.welcome["bundle"], figures.sessions])
	lines.append("frames %d sent, %d skipped, %d rejected" % [figures.frames_sent, figures.frames_skipped, figures.frames_rejected])
	if shown.play == SoundReactorLink.Play.RUNTIME:
		lines.append("played by the runtime, %s ms held, %s underruns"
				% [figures.runtime_status.get("level_ms", "?"), figures.runtime_status.get("underruns", "?")])
	else:
		lines.append("frame to sound %.0f ms (%.0f ms held)" % [figures.frame_to_sample_ms, figures.level_ms])
		lines.append("hops %d, %d missing, %d underruns" % [figures.hops_received, figures.hops_missing, figures.underruns])
	lines.append("main thread %.2f ms (p99)" % figures.main_thread_ms_p99)
	return "\n".join(lines)
