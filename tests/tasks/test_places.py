"""Boxes, points, paths and lists of objects: reading what models write, and what it is worth."""

from __future__ import annotations

from math import hypot

import pytest
import sample_answers as samples
from hypothesis import given, settings
from hypothesis import strategies as st

from roboloop.base.geometry import PictureSize, Point
from roboloop.dialects import load_dialect
from roboloop.records.answers import Answer, Box, Boxes, Points, Trajectory
from roboloop.tasks import load_task
from roboloop.tasks.base import Parsed, ParseStatus, Task, Truth
from roboloop.tasks.boxes import BoxTask
from roboloop.tasks.trajectories import NUM_WAYPOINTS

PLAIN = load_dialect("plain")
SIZE = PictureSize(300, 400)
DIAGONAL = 500.0
BOX = Box(10, 20, 110, 70)


def parsed(kind: str, text: str) -> Parsed:
    task = load_task(kind)
    return task.parse(text, record=samples.record_for(task, size=SIZE), dialect=PLAIN)


def score(kind: str, answer: Answer, truth: Answer) -> dict[str, float]:
    return load_task(kind).score(answer, truth=truth, size=SIZE)


class TestOneBox:
    @pytest.mark.parametrize(
        "text",
        [
            '{"contact_bbox": [10, 20, 110, 70]} {"contact_bbox": [10, 20, 110, 70]}',
            "[10, 20, 110, 70]\n[10, 20, 110, 70]\n[10, 20, 110, 70]",
            '```json\n{"contact_bbox": [[10, 20], [110, 70]]}\n```',
            "The gripper will be at [10, 20, 110, 70].",
            "[110, 70, 10, 20]",
            "The cup is at [1, 2, 3, 4].\nAnswer: [10, 20, 110, 70]",
            "The cup is at [1, 2, 3, 4]. <answer>[10, 20, 110, 70]</answer>",
            '{"object_bbox": [1, 2, 3, 4], "contact_bbox": [10, 20, 110, 70]}',
            '{"contact_bbox": [5, 6, 7, 8]} Better: {"contact_bbox": [10, 20, 110, 70]',
            "<think>[1, 2, 3, 4]</think>[10, 20, 110, 70]",
        ],
    )
    def test_is_found_where_the_text_says_which_is_meant(self, text: str) -> None:
        answer, status, *_ = parsed("contact_box", text)
        assert answer == BOX
        assert status is ParseStatus.OK and not parsed("contact_box", text).is_exact

    @pytest.mark.parametrize(
        "text",
        [
            "[10, 20, 110, 70] or [12, 20, 110, 70]",
            '[{"bbox_2d": [10, 20, 110, 70]}, {"bbox_2d": [0, 0, 5, 5]}]',
            "Left of it: [10, 20, 110, 70]; right of it: [50, 20, 110, 70].",
        ],
    )
    def test_is_missing_where_several_are_offered(self, text: str) -> None:
        answer, status, note, *_ = parsed("contact_box", text)
        assert (answer, status) == (None, ParseStatus.AMBIGUOUS)
        assert "different boxes" in note

    @pytest.mark.parametrize("text", ["I cannot see it.", "[10, 20]", "10 cups", "[]", "{}"])
    def test_is_missing_where_there_is_none(self, text: str) -> None:
        answer, status, note, *_ = parsed("contact_box", text)
        assert (answer, status) == (None, ParseStatus.NO_ANSWER)
        assert note

    def test_overlap_and_thresholds_worked_out_by_hand(self) -> None:
        # Moved right by half its width: 50 x 50 shared of 150 x 50.
        values = score("contact_box", Box(60, 20, 160, 70), BOX)
        assert values == {
            "iou": pytest.approx(1 / 3), "acc@0.1": 1, "acc@0.25": 1, "acc@0.5": 0, "acc@0.75": 0,
        }  # fmt: skip

    def test_the_best_constant_is_the_median_of_each_side(self) -> None:
        truths = [
            Truth(Box(0, 0, 30, 40), SIZE),
            Truth(Box(30, 0, 60, 80), SIZE),
            Truth(Box(30, 40, 300, 400), PictureSize(600, 800)),
        ]
        constant = load_task("contact_box").best_constant(truths)
        assert constant == Box(0.05, 0.0, 0.2, 0.2)

    @settings(deadline=None)
    @given(data=st.data())
    def test_the_file_to_read_first_behaves_like_its_family(self, data: st.DataObject) -> None:
        class Sibling(BoxTask):
            kind = "contact_box"
            title = "?"
            family = "generation"
            key = "contact_bbox"
            mark_label = "contact"
            wordings = ()

        spelled_out, inherited = load_task("contact_box"), Sibling()
        answer, truth = data.draw(samples.box_in(SIZE)), data.draw(samples.box_in(SIZE))
        record = samples.record_for(spelled_out, size=SIZE)
        texts = [t.render(answer, dialect=PLAIN, size=SIZE) for t in (spelled_out, inherited)]
        assert texts[0] == texts[1]
        noisy = data.draw(st.sampled_from(["{}", "[1, 2, 3, 4] {}", "Answer: {}", "{} {}"]))
        text = noisy.replace("{}", texts[0])
        assert spelled_out.metrics == inherited.metrics
        for act in (
            lambda task: task.parse(text, record=record, dialect=PLAIN),
            lambda task: task.score(answer, truth=truth, size=SIZE),
            lambda task: task.best_constant([Truth(answer, SIZE), Truth(truth, SIZE)]),
            lambda task: task.marks(answer),
        ):
            assert act(spelled_out) == act(inherited)


class TestContactPoints:
    def test_the_order_of_the_fingers_does_not_matter(self) -> None:
        truth = Points((Point(50, 60), Point(80, 60)))
        assert score("contact_point", Points(truth.points_px[::-1]), truth) == {
            "distance_diagonals": 0.0, "hit@0.05": 1.0, "hit@0.1": 1.0,
        }  # fmt: skip

    def test_a_point_missing_or_too_many_costs_one_diagonal(self) -> None:
        truth = Points((Point(50, 60), Point(80, 60)))
        one = score("contact_point", Points((Point(50, 60),)), truth)
        assert one == {"distance_diagonals": 0.5, "hit@0.05": 0.5, "hit@0.1": 0.5}
        three = score("contact_point", Points((*truth.points_px, Point(0, 0))), truth)
        assert three["distance_diagonals"] == pytest.approx(1 / 3)

    def test_distances_worked_out_by_hand(self) -> None:
        truth = Points((Point(0, 0), Point(300, 0)))
        near = Points((Point(300, 40), Point(30, 0)))  # 40 px and 30 px off, of 500
        values = score("contact_point", near, truth)
        assert values["distance_diagonals"] == pytest.approx(0.07)
        assert (values["hit@0.05"], values["hit@0.1"]) == (0.0, 1.0)

    def test_two_fingers_that_meet_are_two_points(self) -> None:
        answer = parsed("contact_point", '{"contact_point": [[50, 60], [50, 60]]}').answer
        assert answer == Points((Point(50, 60), Point(50, 60)))

    def test_places_that_are_not_the_answer_are_left_out(self) -> None:
        text = 'The cup stands at [5, 6]. {"contact_point": [[50, 60], [80, 60]]}'
        assert parsed("contact_point", text).answer == Points((Point(50, 60), Point(80, 60)))

    def test_the_best_constant_pairs_left_with_left(self) -> None:
        truths = [
            Truth(Points((Point(30, 0), Point(60, 0))), SIZE),
            Truth(Points((Point(60, 0), Point(30, 0))), SIZE),
        ]
        constant = load_task("contact_point").best_constant(truths)
        assert constant == Points((Point(0.1, 0.0), Point(0.2, 0.0)))


class TestPointing:
    def test_a_box_is_hit_inside_its_edges(self) -> None:
        points = Points((Point(60, 45), Point(110, 70), Point(111, 45), Point(0, 0)))
        values = score("pointing", points, BOX)
        assert values["hit"] == 0.5
        gaps = [0, hypot(50, 25), 51, hypot(60, 45)]
        assert values["distance_diagonals"] == pytest.approx(sum(gaps) / 4 / DIAGONAL)

    def test_a_perfect_model_answers_a_box_with_its_middle(self) -> None:
        task = load_task("pointing")
        text = task.render(BOX, dialect=PLAIN, size=SIZE)
        answer = parsed("pointing", text).answer
        assert answer == Points((Point(60, 45),))
        assert score("pointing", answer, BOX) == {"hit": 1.0, "distance_diagonals": 0.0}
        assert task.marks(BOX)[0].shape == "box"

    def test_points_are_matched_one_to_one(self) -> None:
        truth = Points((Point(0, 0), Point(100, 0)))
        twice = Points((Point(0, 0), Point(0, 0)))
        assert score("pointing", twice, truth)["hit"] == 0.5


def straight(
    *, x: float = 0.0, y: float = 0.0, length: float = 90.0, number: int = 10
) -> Trajectory:
    return Trajectory(tuple(Point(x + length * i / (number - 1), y) for i in range(number)))


class TestPaths:
    def test_any_number_of_waypoints_compares(self) -> None:
        for number in (2, 3, 10, 37):
            values = score("traj", straight(number=number), straight())
            assert values["rmse_diagonals"] == pytest.approx(0, abs=1e-12)
            assert values["end_diagonals"] == 0 and values["hit@0.05"] == 1
            assert values["dtw_diagonals"] < 0.05

    def test_a_path_moved_aside_worked_out_by_hand(self) -> None:
        values = score("traj", straight(y=30), straight())
        for name in ("dtw_diagonals", "frechet_diagonals", "end_diagonals", "rmse_diagonals"):
            assert values[name] == pytest.approx(0.06), name
        assert (values["hit@0.05"], values["hit@0.1"]) == (0.0, 1.0)

    def test_a_reversed_path_is_worse_in_every_measure(self) -> None:
        there, back = straight(), Trajectory(straight().points_px[::-1])
        right, wrong = score("traj", there, there), score("traj", back, there)
        for metric in load_task("traj").metrics:
            if metric.name == "hausdorff_diagonals":  # the same places, whatever their order
                assert wrong[metric.name] == 0.0
                continue
            better = right[metric.name] - wrong[metric.name]
            assert better > 0 if metric.higher_is_better else better < 0

    @settings(deadline=None)
    @given(
        far=st.lists(st.floats(-1e6, 1e6, width=32), min_size=4, max_size=4),
    )
    def test_nothing_is_worse_than_no_answer(self, far: list[float]) -> None:
        answer = Trajectory((Point(far[0], far[1]), Point(far[2], far[3])))
        task: Task = load_task("traj")
        worst = task.worst(straight(), size=SIZE)
        for metric in task.metrics:
            value = score("traj", answer, straight())[metric.name]
            assert value >= 0 if metric.higher_is_better else value <= worst[metric.name]

    def test_the_plain_sum_of_pixels_and_its_worst_value(self) -> None:
        """RoboInter's DTW: unlike the means it grows with the waypoints, up to one diagonal each.

        Ten waypoints, each 30 px aside, in a picture with a diagonal of 500 px.
        """
        assert score("traj", straight(y=30), straight())["dtw_px"] == pytest.approx(300)
        assert score("traj", straight(y=1e6), straight())["dtw_px"] == pytest.approx(5000)
        worst = load_task("traj").worst(straight(), size=SIZE)
        assert worst["dtw_px"] == pytest.approx(5000) and worst["dtw_diagonals"] == 1.0

    def test_one_waypoint_is_read_and_remarked(self) -> None:
        answer, status, note, *_ = parsed("traj", '{"future_traj": [[10, 20]]}')
        assert answer == Trajectory((Point(10, 20),))
        assert status is ParseStatus.OK and "single" in note

    def test_the_start_repeated_in_words_is_no_waypoint(self) -> None:
        text = 'From [1, 2] the gripper moves: {"future_traj": [[10, 20], [30, 40]]}'
        assert parsed("traj", text).answer == Trajectory((Point(10, 20), Point(30, 40)))

    def test_a_path_that_was_cut_off_keeps_its_whole_points(self) -> None:
        answer, status, *_ = parsed("traj", '{"future_traj": [[10, 20], [30, 40], [5')
        assert answer == Trajectory((Point(10, 20), Point(30, 40)))
        assert status is ParseStatus.OK

    def test_the_best_constant_is_the_median_of_paths_spread_evenly(self) -> None:
        truths = [Truth(straight(y=y, number=n), SIZE) for y, n in ((0, 2), (40, 10), (80, 5))]
        constant = load_task("traj").best_constant(truths)
        assert isinstance(constant, Trajectory)
        assert len(constant.points_px) == NUM_WAYPOINTS
        assert {point.y for point in constant.points_px} == {0.1}
        assert [p.x for p in constant.points_px] == pytest.approx([i / 30 for i in range(10)])


class TestAllObjects:
    CUP, PLATE = Box(0, 0, 100, 100, "red cup"), Box(200, 200, 300, 400, "plate")

    def test_names_count_but_not_their_case(self) -> None:
        truth = Boxes((self.CUP, self.PLATE))
        loud = Box(200, 200, 300, 400, "Plate")
        assert score("detect_objects", Boxes((loud, self.CUP)), truth)["f1@0.5"] == 1.0
        wrong = Boxes((Box(0, 0, 100, 100, "blue cup"), self.PLATE))
        values = score("detect_objects", wrong, truth)
        assert (values["f1@0.5"], values["f1_unnamed@0.5"]) == (0.5, 1.0)

    def test_missing_and_invented_objects_cost(self) -> None:
        truth = Boxes((self.CUP, self.PLATE))
        assert score("detect_objects", Boxes((self.CUP,)), truth)["f1@0.5"] == pytest.approx(2 / 3)
        invented = Boxes((*truth.items, Box(0, 300, 50, 350, "fork")))
        values = score("detect_objects", invented, truth)
        assert values["f1@0.5"] == pytest.approx(0.8)
        assert values["mean_iou"] == pytest.approx(2 / 3)
        assert set(score("detect_objects", Boxes(()), truth).values()) == {0.0}
        assert set(score("detect_objects", Boxes(()), Boxes(())).values()) == {1.0}

    def test_as_many_as_possible_are_matched(self) -> None:
        # The first box overlaps both truths by half or more; a greedy matcher takes the better one
        # (the second truth) and leaves the second box, which fits only that one, without partner.
        truth = Boxes((Box(0, 0, 100, 10), Box(30, 0, 130, 10)))
        answer = Boxes((Box(20, 0, 120, 10), Box(45, 0, 145, 10)))
        assert score("detect_objects", answer, truth)["f1_unnamed@0.5"] == 1.0

    def test_an_empty_list_is_an_answer_and_words_are_none(self) -> None:
        assert parsed("detect_objects", "[]").answer == Boxes(())
        assert parsed("detect_objects", "nothing").answer is None

    def test_repeated_boxes_count_once(self) -> None:
        one = '{"bbox_2d": [0, 0, 100, 100], "label": "red cup"}'
        answer, status, note, *_ = parsed("detect_objects", f"[{one}, {one}, {one}]")
        assert answer == Boxes((self.CUP,))
        assert status is ParseStatus.OK and "several times" in note

    def test_the_best_constant_is_the_truth_most_like_the_others(self) -> None:
        common = Truth(Boxes((self.CUP,)), SIZE)
        rare = Truth(Boxes((self.PLATE,)), SIZE)
        constant = load_task("detect_objects").best_constant([rare, common, common])
        assert isinstance(constant, Boxes)
        assert [box.label for box in constant.items] == ["red cup"]
        assert constant.items[0].corners_px == pytest.approx((0, 0, 1 / 3, 0.25))
