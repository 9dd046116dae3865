## A small world of primitives that moves and bangs: bouncing balls, turning pillars, a flash every two seconds.
extends Node3D

## A flash and a shock: what a sound model should hear most clearly.
signal banged

const BALLS := 5
const GRAVITY := 9.8
const ARENA := 4.0

## Seconds from one bang to the next; 0 for none.
@export var bang_every_s := 2.0
## Places, colours and speeds follow from this.
@export var random_seed := 1

var _balls: Array[MeshInstance3D] = []
var _speeds: Array[Vector3] = []
var _pillars: Array[MeshInstance3D] = []
var _flash := ColorRect.new()
var _sun := DirectionalLight3D.new()
var _until_bang_s := 1.0
var _random := RandomNumberGenerator.new()


func _ready() -> void:
	_random.seed = random_seed
	_add_surroundings()
	for index in 6:
		var pillar := _add_mesh(BoxMesh.new(), Color.from_hsv(index / 6.0, 0.5, 0.7))
		var angle := TAU * index / 6.0
		pillar.position = Vector3(cos(angle), 0.0, sin(angle)) * (ARENA + 1.0) + Vector3.UP
		pillar.scale = Vector3(0.7, 2.0, 0.7)
		_pillars.append(pillar)
	for index in BALLS:
		var ball := _add_mesh(SphereMesh.new(), Color.from_hsv(index / float(BALLS), 0.8, 0.9))
		ball.position = Vector3(_random.randf_range(-3, 3), _random.randf_range(2, 4), _random.randf_range(-3, 3))
		_balls.append(ball)
		_speeds.append(Vector3(_random.randf_range(-2, 2), 0.0, _random.randf_range(-2, 2)))


func _process(delta: float) -> void:
	var step := minf(delta, 0.05)
	for index in _balls.size():
		_move(index, step)
	for pillar in _pillars:
		pillar.rotate_y(step)
	_flash.color.a = maxf(0.0, _flash.color.a - 6.0 * step)
	_until_bang_s -= delta
	if bang_every_s > 0.0 and _until_bang_s <= 0.0:
		_until_bang_s += bang_every_s
		bang()


## Flash, and throw all balls into the air.
func bang() -> void:
	_flash.color.a = 0.9
	for index in _speeds.size():
		_speeds[index].y = _random.randf_range(5.0, 7.0)
	banged.emit()


func _move(index: int, step: float) -> void:
	var ball := _balls[index]
	var speed := _speeds[index]
	speed.y -= GRAVITY * step
	ball.position += speed * step
	if ball.position.y < 0.5 and speed.y < 0.0:
		speed.y *= -0.7
		ball.position.y = 0.5
	for axis: int in [Vector3.AXIS_X, Vector3.AXIS_Z]:
		if absf(ball.position[axis]) > ARENA:
			ball.position[axis] = signf(ball.position[axis]) * ARENA
			speed[axis] = -speed[axis]
	_speeds[index] = speed


func _add_surroundings() -> void:
	var floor_mesh := PlaneMesh.new()
	floor_mesh.size = Vector2(14, 14)
	_add_mesh(floor_mesh, Color(0.22, 0.25, 0.3))
	_sun.rotation_degrees = Vector3(-55, 30, 0)
	add_child(_sun)
	var sky := WorldEnvironment.new()
	sky.environment = Environment.new()
	sky.environment.background_mode = Environment.BG_COLOR
	sky.environment.background_color = Color(0.1, 0.12, 0.18)
	sky.environment.ambient_light_source = Environment.AMBIENT_SOURCE_COLOR
	sky.environment.ambient_light_color = Color(0.5, 0.5, 0.6)
	add_child(sky)
	var layer := CanvasLayer.new()
	_flash.color = Color(1, 1, 1, 0)
	_flash.set_anchors_preset(Control.PRESET_FULL_RECT)
	_flash.mouse_filter = Control.MOUSE_FILTER_IGNORE
	layer.add_child(_flash)
	add_child(layer)


func _add_mesh(mesh: PrimitiveMesh, color: Color) -> MeshInstance3D:
	var material := StandardMaterial3D.new()
	material.albedo_color = color
	mesh.material = material
	var instance := MeshInstance3D.new()
	instance.mesh = mesh
	add_child(instance)
	return instance
