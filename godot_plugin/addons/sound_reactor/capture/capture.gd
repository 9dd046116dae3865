@tool
@icon("../icons/capture.svg")
## Takes the game's picture 30 times a second and gives it to a [SoundReactorLink].
##
## The picture is shrunk on the GPU to the size that the runtime asks for and read back without waiting for it. While
## the tree is paused nothing is taken. [code]--headless[/code] games have no picture.
class_name SoundReactorCapture
extends Node

const Shrinker := preload("shrinker.gd")
const CameraView := preload("camera_view.gd")
const Pacer := preload("pacer.gd")

## Where the pictures go. Empty: the first link in the tree.
@export var link: SoundReactorLink:
	set(value):
		link = value
		update_configuration_warnings()
## Whose picture is taken. Empty: the viewport that this node is in, usually the game's window, with all that is drawn
## over it.
@export var source_viewport: SubViewport:
	set(value):
		source_viewport = value
		update_configuration_warnings()
## Take what this camera sees instead, in a small picture of its own: without interface, at the cost of drawing the
## world once more.
@export var source_camera: Camera3D:
	set(value):
		source_camera = value
		update_configuration_warnings()
## Whether pictures are taken.
@export var enabled := true

var _shrinker: Shrinker
var _camera_view: CameraView
var _pacer := Pacer.new()


## The engine switches processing on just before this; in the editor nothing runs.
func _ready() -> void:
	set_process(not Engine.is_editor_hint())


func _enter_tree() -> void:
	if Engine.is_editor_hint():
		return
	if DisplayServer.get_name() == "headless":
		push_warning("SoundReactor: there is no picture to capture with --headless: run the game with a display")
		return
	_shrinker = Shrinker.new(_deliver)


func _exit_tree() -> void:
	if _shrinker != null:
		_shrinker.free_rids()
		_shrinker = null
	if _camera_view != null:
		_camera_view.queue_free()
		_camera_view = null


func _process(_delta: float) -> void:
	if _shrinker == null:
		return
	var began_usec := Time.get_ticks_usec()
	if not is_instance_valid(link):
		link = SoundReactorLink.find_in(self)
		if link == null:
			return
	_shrinker.poll()
	if enabled and _pacer.is_due(began_usec) and link.takes_frames():
		_shrinker.ask(_source(), link.get_picture_size())
	link.add_main_thread_cost(began_usec)


func _get_configuration_warnings() -> PackedStringArray:
	var warnings := PackedStringArray()
	if not is_inside_tree():
		return warnings
	if link == null and SoundReactorLink.find_in(self) == null:
		warnings.append("There is no SoundReactorLink in this scene. Add one, choose one, or make one an autoload.")
	if source_viewport != null and source_camera != null:
		warnings.append("Viewport and camera are both chosen: the camera wins.")
	if source_viewport != null and source_viewport.render_target_update_mode == SubViewport.UPDATE_DISABLED:
		warnings.append("The chosen viewport is never drawn: set its update mode to Always.")
	var siblings := get_tree().get_nodes_in_group(&"sound_reactor_capture")
	if siblings.size() > 1:
		warnings.append("Several captures feed one session: their pictures would alternate. Keep one per link.")
	return warnings


func _init() -> void:
	add_to_group(&"sound_reactor_capture")


func _source() -> Viewport:
	if is_instance_valid(source_camera):
		if _camera_view == null:
			_camera_view = CameraView.new()
			add_child(_camera_view, false, Node.INTERNAL_MODE_BACK)
		_camera_view.look_through(source_camera, link.get_picture_size())
		return _camera_view
	return source_viewport if is_instance_valid(source_viewport) else get_viewport()


func _deliver(picture: Image, drawn_usec: int) -> void:
	if is_instance_valid(link):
		link.send_picture(picture, drawn_usec)
