## Shrinks a viewport's picture on the GPU and reads it back without stalling the game.
##
## A small viewport of the rendering server, without nodes, draws the source's texture through a box filter right
## after the source itself. With a [RenderingDevice] the result is copied asynchronously; without one (the
## Compatibility renderer) it is fetched at the start of the next game frame, when the GPU is done with it.
## Main thread only.
extends RefCounted

const SHADER := preload("box_filter.gdshader")

## Called with the picture ([Image]) and the [method Time.get_ticks_usec] at which it was drawn.
var _deliver: Callable
var _viewport: RID
var _canvas: RID
var _item: RID
var _material := ShaderMaterial.new()
var _size := Vector2i.ZERO
var _source: RID
var _is_asked := false
var _is_drawn := false
var _drawn_usec := 0
var _device: RenderingDevice


func _init(deliver: Callable) -> void:
	_deliver = deliver
	_device = RenderingServer.get_rendering_device()
	_viewport = RenderingServer.viewport_create()
	_canvas = RenderingServer.canvas_create()
	_item = RenderingServer.canvas_item_create()
	RenderingServer.viewport_set_disable_3d(_viewport, true)
	RenderingServer.viewport_set_update_mode(_viewport, RenderingServer.VIEWPORT_UPDATE_DISABLED)
	RenderingServer.viewport_attach_canvas(_viewport, _canvas)
	RenderingServer.canvas_item_set_parent(_item, _canvas)
	_material.shader = SHADER
	RenderingServer.canvas_item_set_material(_item, _material.get_rid())
	RenderingServer.frame_post_draw.connect(_after_draw)


## Free what the rendering server holds; call it once.
func free_rids() -> void:
	RenderingServer.frame_post_draw.disconnect(_after_draw)
	for rid: RID in [_item, _canvas, _viewport]:
		RenderingServer.free_rid(rid)


## Take the picture that is drawn next.
func ask(source: Viewport, size: Vector2i) -> void:
	_prepare(source.get_texture(), size, source.use_hdr_2d)
	RenderingServer.viewport_set_update_mode(_viewport, RenderingServer.VIEWPORT_UPDATE_ONCE)
	# The viewport activated last is drawn last: after the source, not with the source's last picture.
	RenderingServer.viewport_set_active(_viewport, false)
	RenderingServer.viewport_set_active(_viewport, true)
	_is_asked = true


## Deliver what has been drawn; call it at the start of every game frame.
func poll() -> void:
	if not _is_drawn:
		return
	_is_drawn = false
	var texture := RenderingServer.viewport_get_texture(_viewport)
	_deliver.call(RenderingServer.texture_2d_get(texture), _drawn_usec)


func _prepare(texture: ViewportTexture, size: Vector2i, is_linear: bool) -> void:
	if size != _size:
		_size = size
		RenderingServer.viewport_set_size(_viewport, size.x, size.y)
		_source = RID()
	if texture.get_rid() != _source:
		_source = texture.get_rid()
		RenderingServer.canvas_item_clear(_item)
		RenderingServer.canvas_item_add_texture_rect(_item, Rect2(Vector2.ZERO, size), _source)
	_material.set_shader_parameter(&"target_size", Vector2(size))
	_material.set_shader_parameter(&"is_linear", is_linear)


func _after_draw() -> void:
	if not _is_asked:
		return
	_is_asked = false
	_drawn_usec = Time.get_ticks_usec()
	if _device == null:
		_is_drawn = true
	else:
		# The device may live in another thread, by the project's thread model.
		RenderingServer.call_on_render_thread(_read_back.bind(_drawn_usec))


func _read_back(drawn_usec: int) -> void:
	var texture := RenderingServer.texture_get_rd_texture(RenderingServer.viewport_get_texture(_viewport))
	if not texture.is_valid():
		return
	var done := func(data: PackedByteArray) -> void: _finish.call_deferred(data, drawn_usec)
	_device.texture_get_data_async(texture, 0, done)


func _finish(data: PackedByteArray, drawn_usec: int) -> void:
	# The capture may be gone, or want another size by now.
	if _deliver.is_valid() and data.size() == _size.x * _size.y * 4:
		_deliver.call(Image.create_from_data(_size.x, _size.y, false, Image.FORMAT_RGBA8, data), drawn_usec)
