## A ball that bounces in 2D; its sound comes from where it is.
extends Node2D

const RADIUS := 22.0

var _ball := Vector2(200, 100)
var _speed := Vector2(210, 0)

@onready var _player: SoundReactorPlayer2D = $SoundReactorPlayer2D


func _process(delta: float) -> void:
	var area := get_viewport_rect().size
	_speed.y += 600.0 * delta
	_ball += _speed * delta
	if _ball.x < RADIUS or _ball.x > area.x - RADIUS:
		_speed.x = -_speed.x
	if _ball.y > area.y - RADIUS and _speed.y > 0.0:
		_speed.y = -560.0
	_ball = _ball.clamp(Vector2(RADIUS, -1000.0), area - Vector2(RADIUS, RADIUS))
	_player.position = _ball
	queue_redraw()


func _draw() -> void:
	var area := get_viewport_rect()
	draw_rect(area, Color(0.1, 0.12, 0.18))
	draw_line(Vector2(0, area.end.y - 1), area.end - Vector2(0, 1), Color(0.6, 0.6, 0.7), 3.0)
	draw_circle(_ball, RADIUS, Color(0.95, 0.6, 0.3))
