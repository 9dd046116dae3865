@tool
## The editor's side: a panel that starts the runtime, says who listens, and adds the nodes to a scene.
extends EditorPlugin

const Dock := preload("editor/panel.gd")

var _panel: Dock


func _enter_tree() -> void:
	_panel = Dock.new()
	_panel.name = "SoundReactor"
	_panel.undo_redo = get_undo_redo()
	add_control_to_dock(DOCK_SLOT_RIGHT_BL, _panel)


func _exit_tree() -> void:
	remove_control_from_docks(_panel)
	_panel.end()
	_panel.queue_free()
	_panel = null
