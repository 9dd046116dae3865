## What a camera of the game sees, drawn once more into a small viewport of its own.
extends SubViewport

## Drawn at twice the wanted size and averaged: as smooth as a shrunk window.
const OVERSAMPLING := 2

var _eye := Camera3D.new()


func _init() -> void:
	render_target_update_mode = SubViewport.UPDATE_DISABLED
	add_child(_eye)


## Draw what [param camera] sees in the next frame. The view has the shape of the camera's own viewport; it is
## stretched to [param size] afterwards, like every picture.
func look_through(camera: Camera3D, wanted: Vector2i) -> void:
	var shape := camera.get_viewport().get_visible_rect().size
	var height := wanted.y * OVERSAMPLING
	size = Vector2i(maxi(16, roundi(height * shape.x / maxf(1.0, shape.y))), height)
	world_3d = camera.get_world_3d()
	for property: StringName in [
		&"projection", &"fov", &"size", &"near", &"far", &"keep_aspect", &"cull_mask", &"environment", &"attributes",
		&"h_offset", &"v_offset", &"frustum_offset",
	]:
		_eye.set(property, camera.get(property))
	_eye.global_transform = camera.get_camera_transform()
	_eye.make_current()
	render_target_update_mode = SubViewport.UPDATE_ONCE
