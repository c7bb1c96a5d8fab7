"""A layout as a MuJoCo model: robot, table, things, lights and cameras."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roboloop.sources.simulated.layout import Layout, Light, PlacedDestination, PlacedObject
from roboloop.sources.simulated.objects import Part, Rgb, about_axis
from roboloop.sources.simulated.render import load_mujoco
from roboloop.sources.simulated.textures import TEXTURE_SIZE, table_texture

FRAMES_PER_SECOND = 15
STEPS_PER_FRAME = 32
TIMESTEP_SECONDS = 1.0 / (FRAMES_PER_SECOND * STEPS_PER_FRAME)
GRIPPER_ROOT = "base_mount"
TCP_SITE = "pinch"
WRIST_CAMERA = "wrist"
FINGER_GEOMS = {"left": ("left_pad1", "left_pad2"), "right": ("right_pad1", "right_pad2")}
JOINT_STIFFNESS = (1800.0, 1800.0, 1500.0, 1500.0, 700.0, 700.0, 500.0)
JOINT_DAMPING = (160.0, 160.0, 120.0, 120.0, 50.0, 50.0, 35.0)
JOINT_RANGE = (2.8973, 1.7628, 2.8973, 3.0718, 2.8973, 3.7525, 2.8973)


@dataclass(frozen=True, slots=True)
class Scene:
    """A compiled model and where things are in it.

    Attributes:
        model: mujoco.MjModel.
        layout: What was built.
        object_geoms: For each object the ids of its geoms.
        destination_geoms, gripper_geoms, table_geoms: Ids of geoms.
        finger_geoms: Ids of the pads that touch, left and right finger.
    """

    model: Any
    layout: Layout
    object_geoms: tuple[tuple[int, ...], ...]
    destination_geoms: tuple[int, ...]
    gripper_geoms: tuple[int, ...]
    table_geoms: tuple[int, ...]
    finger_geoms: tuple[tuple[int, ...], tuple[int, ...]]


def build_scene(layout: Layout, *, robot_file: Path) -> Scene:
    """Compile the model of a layout.

    Args:
        layout: What to build.
        robot_file: The Panda's XML, from `assets.robot_model`.
    """
    mujoco = load_mujoco()
    spec = mujoco.MjSpec.from_file(str(robot_file))
    _set_physics(spec, mujoco=mujoco)
    _set_drawing(spec, layout=layout)
    _strengthen_arm(spec, mujoco=mujoco)
    _add_room(spec, layout=layout, mujoco=mujoco)
    for index, thing in enumerate(layout.objects):
        _add_object(spec, thing=thing, name=f"object{index}", mujoco=mujoco)
    _add_destination(spec, thing=layout.destination, mujoco=mujoco)
    for light in layout.lights:
        _add_light(spec, light=light, mujoco=mujoco)
    for camera in layout.cameras:
        spec.worldbody.add_camera(
            name=camera.name,
            pos=camera.position,
            quat=camera.mujoco_quaternion(),
            fovy=camera.fovy_degrees,
        )
    hand = spec.body("attachment")
    hand.add_camera(name=WRIST_CAMERA, pos=[-0.075, 0.0, 0.0], fovy=62.0, quat=[0, 1, -1, 0])
    return _index(spec.compile(), layout=layout, mujoco=mujoco)


def _set_physics(spec: Any, *, mujoco: Any) -> None:
    option = spec.option
    option.timestep = TIMESTEP_SECONDS
    option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    option.impratio = 10
    option.noslip_iterations = 4


def _set_drawing(spec: Any, *, layout: Layout) -> None:
    spec.visual.quality.offsamples = 4
    spec.visual.quality.shadowsize = 2048
    spec.visual.headlight.ambient = [layout.ambient] * 3
    spec.visual.headlight.diffuse = [0.15] * 3
    spec.visual.headlight.specular = [0.05] * 3
    spec.visual.map.znear = 0.02
    spec.visual.map.zfar = 12.0
    spec.visual.map.shadowclip = 1.3
    spec.visual.global_.offwidth = 1280
    spec.visual.global_.offheight = 720
    spec.stat.extent = 1.0
    spec.stat.center = [0.45, 0.0, 0.1]


def _strengthen_arm(spec: Any, *, mujoco: Any) -> None:
    """Position servos in place of bare motors; the arm's own weight is compensated."""
    for body in spec.bodies:
        if body.name != "world":
            body.gravcomp = 1.0
    gains = zip(JOINT_STIFFNESS, JOINT_DAMPING, strict=True)
    for index, (stiffness, damping) in enumerate(gains):
        actuator = spec.actuator(f"actuator{index + 1}")
        actuator.biastype = mujoco.mjtBias.mjBIAS_AFFINE
        actuator.gainprm[0] = stiffness
        actuator.biasprm[:3] = [0.0, -stiffness, -damping]
        limit = 87.0 if index < 4 else 12.0
        actuator.forcelimited = True
        actuator.forcerange = [-limit, limit]
        actuator.ctrlrange = [-4.0, 4.0]


def _add_material(
    spec: Any,
    *,
    name: str,
    rgb: Rgb,
    shine: float = 0.3,
    glow: float = 0.0,
    texture: str | None = None,
    repeat: tuple[float, float] = (1.0, 1.0),
    mujoco: Any,
) -> str:
    material = spec.add_material(
        name=name,
        rgba=[*rgb, 1.0],
        specular=shine,
        shininess=0.5,
        emission=glow,
        texrepeat=list(repeat),
    )
    if texture is not None:
        material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = texture
    return name


def _add_room(spec: Any, *, layout: Layout, mujoco: Any) -> None:
    """Table, floor, two walls and what little of the room a camera sees."""
    pixels = table_texture(layout.table_style, seed=layout.texture_seed)
    texture = spec.add_texture(
        name="table",
        type=mujoco.mjtTexture.mjTEXTURE_2D,
        width=TEXTURE_SIZE,
        height=TEXTURE_SIZE,
        nchannel=3,
    )
    texture.data = pixels.tobytes()
    _add_material(
        spec, name="table", rgb=(1.0, 1.0, 1.0), shine=0.15, texture="table", mujoco=mujoco
    )
    _add_material(spec, name="wall", rgb=layout.wall_rgb, shine=0.0, mujoco=mujoco)
    _add_material(spec, name="floor", rgb=layout.floor_rgb, shine=0.0, mujoco=mujoco)
    world, box = spec.worldbody, mujoco.mjtGeom.mjGEOM_BOX
    world.add_geom(
        name="table",
        type=box,
        size=[0.65, 0.75, 0.02],
        pos=[0.40, 0.0, -0.02],
        material="table",
        friction=[0.9, 0.01, 0.001],
    )
    world.add_geom(
        name="floor",
        type=mujoco.mjtGeom.mjGEOM_PLANE,
        size=[6, 6, 0.1],
        pos=[0, 0, -0.75],
        material="floor",
        contype=0,
        conaffinity=0,
    )
    for name, place, size in (
        ("wall_back", [-1.6, 0.0, 0.8], [0.05, 5.0, 2.5]),
        ("wall_left", [0.0, 2.6, 0.8], [5.0, 0.05, 2.5]),
        ("wall_right", [0.0, -2.6, 0.8], [5.0, 0.05, 2.5]),
        ("wall_front", [3.6, 0.0, 0.8], [0.05, 5.0, 2.5]),
    ):
        world.add_geom(
            name=name, type=box, size=size, pos=place, material="wall", contype=0, conaffinity=0
        )


def _add_light(spec: Any, *, light: Light, mujoco: Any) -> None:
    place = np.array([0.5, 0.0, 0.1]) - 1.8 * np.array(light.direction)
    spec.worldbody.add_light(
        pos=place,
        dir=light.direction,
        diffuse=list(light.diffuse),
        ambient=[0.0] * 3,
        specular=[0.25 if light.casts_shadow else 0.0] * 3,
        castshadow=light.casts_shadow,
        type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL,
    )


def _add_parts(
    spec: Any,
    body: Any,
    *,
    name: str,
    parts: tuple[Part, ...],
    rgb: Rgb,
    mass: float | None,
    mujoco: Any,
) -> None:
    """Geoms of the parts; the mass is shared out over the solid ones by volume."""
    shapes = {
        "box": mujoco.mjtGeom.mjGEOM_BOX,
        "cylinder": mujoco.mjtGeom.mjGEOM_CYLINDER,
        "capsule": mujoco.mjtGeom.mjGEOM_CAPSULE,
        "ellipsoid": mujoco.mjtGeom.mjGEOM_ELLIPSOID,
    }
    volumes = [
        float(np.prod([size for size in part.size if size > 0])) * part.solid for part in parts
    ]
    total = sum(volumes)
    for index, part in enumerate(parts):
        colour: Rgb = rgb if isinstance(part.colour, str) else part.colour
        material = _add_material(
            spec, name=f"{name}_{index}", rgb=colour, shine=0.35, glow=0.22, mujoco=mujoco
        )
        geom = body.add_geom(
            name=f"{name}_{index}",
            type=shapes[part.shape],
            size=list(part.size),
            pos=list(part.position),
            quat=list(part.quaternion),
            material=material,
            condim=6,
            friction=[1.0, 0.02, 0.002],
            solref=[0.006, 1.0],
        )
        geom.mass = 0.0 if mass is None else mass * volumes[index] / total
        if not part.solid:
            geom.contype = geom.conaffinity = 0


def _add_object(spec: Any, *, thing: PlacedObject, name: str, mujoco: Any) -> None:
    body = spec.worldbody.add_body(
        name=name, pos=[thing.x, thing.y, 0.001], quat=list(about_axis("z", angle=thing.yaw))
    )
    body.add_freejoint(name=name)
    _add_parts(
        spec,
        body,
        name=name,
        parts=thing.parts,
        rgb=thing.colour.rgb,
        mass=thing.kind.mass,
        mujoco=mujoco,
    )


def _add_destination(spec: Any, *, thing: PlacedDestination, mujoco: Any) -> None:
    body = spec.worldbody.add_body(
        name="destination",
        pos=[thing.x, thing.y, 0.0],
        quat=list(about_axis("z", angle=thing.yaw)),
    )
    _add_parts(
        spec,
        body,
        name="destination",
        parts=thing.parts,
        rgb=thing.colour.rgb,
        mass=None,
        mujoco=mujoco,
    )


def _index(model: Any, *, layout: Layout, mujoco: Any) -> Scene:
    """Find the ids of everything the truth is about."""
    owners: NDArray[np.int32] = np.asarray(model.geom_bodyid)
    parents: NDArray[np.int32] = np.asarray(model.body_parentid)
    gripper_root = model.body(GRIPPER_ROOT).id
    below = {int(gripper_root)}
    # Bodies are numbered parents first, so one pass finds the whole subtree.
    for body in range(gripper_root + 1, model.nbody):
        if int(parents[body]) in below:
            below.add(body)

    def geoms_of(body: str) -> tuple[int, ...]:
        return tuple(int(g) for g in np.flatnonzero(owners == model.body(body).id))

    fingers = tuple(
        tuple(int(model.geom(name).id) for name in FINGER_GEOMS[side]) for side in ("left", "right")
    )
    return Scene(
        model=model,
        layout=layout,
        object_geoms=tuple(geoms_of(f"object{i}") for i in range(len(layout.objects))),
        destination_geoms=geoms_of("destination"),
        gripper_geoms=tuple(int(g) for g in np.flatnonzero(np.isin(owners, list(below)))),
        table_geoms=(int(model.geom("table").id),),
        finger_geoms=(fingers[0], fingers[1]),
    )
