"""Finds the smallest change of a person's own lines that makes every gradient right.

1. Watch one run: which statements are executed, with what values and names in scope.
2. A statement whose value y depends on belongs to forward and is left alone. One whose value no
wrong gradient depends
   on cannot be at fault. Backward is linear in most of its values, so for many statements
   the value that would make all wrong gradients right can be solved for; if there is none,
   this statement alone is not at fault.
3. Try the simple changes, cheapest first, on the statements that are left; then expressions
built for the solved value;
   then lines that are missing; then two changes in one line.
4. Accept a change only if all gradients are right at other inputs, of other sizes where they
can vary. Where no single
   change does that, accept one that makes some gradients right and breaks none, and go on: several mistakes.
"""

import ast
import copy
import itertools
import time
from dataclasses import dataclass, field, replace

import numpy as np

from minigen.explain import edits as changes
from minigen.explain.arrays import host
from minigen.explain.bench import (
    UNTOUCHED,
    Bench,
    answering,
    expression_answer,
    recorded,
    repeatable,
    watched,
)
from minigen.explain.edits import Edit, Slots, applied, atoms, expression_edits, statement_edits
from minigen.explain.express import Library
from minigen.explain.source import functions_of

TRIALS = 4  # sets of inputs on which a change must hold
SOLVED = 40  # entries of a value that is solved for
PART = 1.5  # the most that a change may cost which mends some of the wrong gradients and not all
LIKELY = 1.31  # simple changes up to this cost come before expressions that are built
SETUP = 0.5  # the more that a change costs in a line that only prepares values
NEAR = 0.25  # changes that cost so little more than the best are told as well


@dataclass
class Suspect:
    """A statement that may be at fault."""

    function: object
    body: list
    index: int
    statement: ast.AST
    slots: Slots
    keys: dict  # watched key of every slot: {id(node): k}
    scope: dict = field(default_factory=dict)
    namespace: dict = field(default_factory=dict)
    values: dict = field(default_factory=dict)  # {id(node): value in the first call}
    calls: int = 0
    touches: frozenset = frozenset()  # the gradients that depend on it
    target: object = None  # the value that would make the wrong gradients right
    rank: float = 0.0
    where: int = 0  # when it was first reached
    forward: bool = False  # it runs when forward runs
    setup: bool = False  # its value does not come from the upstream gradient

    @property
    def value_node(self):
        """The expression whose value stands for the statement: the outermost one that holds numbers."""
        value = getattr(self.statement, "value", None)
        unused = isinstance(self.statement, ast.Expr) and isinstance(
            value, ast.Call
        )  # what a call is given counts
        if self.values and (unused or not _holds_numbers(self.values.get(id(value)))):
            return next(
                (n for n in self.slots.nodes if n is not value and _moves(self.values.get(id(n)))), value
            )
        return value


@dataclass
class Repair:
    """A change that was verified: what it mends, and equal ones."""

    suspect: Suspect
    edit: Edit
    mends: tuple
    trials: int
    sizes: bool
    alternatives: list = field(default_factory=list)


class Search:
    """One search; `run()` gives the list of Repairs, and `status` what is right after them."""

    def __init__(self, task, *, rng):
        self.deadline = 0.0
        self.task, self.rng = task, rng
        self.functions = functions_of(task.functions)
        self.bench = Bench(task, self.functions)
        self.trials = self._draw()
        self.trial = self.trials[0]
        self.repairs = []

    def _draw(self):
        """Small inputs to search at, and others to verify at."""
        return [
            self.bench.trial(self.rng, among=6 if self.task.sizes_vary else 1),
            self.bench.trial(self.rng),
        ]

    def late(self):
        return time.monotonic() > self.deadline

    # ----- the verdict

    def status(self):
        """{gradient: right at every trial}."""
        found = {}
        for trial in self.trials:
            for name, right in self.bench.status(trial, self.bench.play(trial)).items():
                found[name] = found.get(name, True) and right
        return found

    def run(self, seconds, rounds=5):
        self.deadline = time.monotonic() + seconds
        with repeatable():
            return self._rounds(rounds)

    def _rounds(self, rounds):
        self.base = self.status()
        try:
            while not all(self.base.values()) and len(self.repairs) < rounds and not self.late():
                repair = self._round()
                if repair is None:
                    break
                self.repairs.append(repair)
                repair.edit.new = copy.deepcopy(repair.edit.new)  # later rounds find nodes by identity
                applied(repair.edit, repair.suspect.function)
                repair.suspect.function.put(repair.suspect.function.compiled())
                self.base = self.status()
        finally:
            for function in self.functions:
                function.restore()
        return self.repairs

    # ----- one round

    def _round(self):
        self.trial = next(
            (t for t in self.trials if not all(self.bench.status(t, self.bench.play(t)).values())),
            self.trials[0],
        )
        self.now = self.bench.status(self.trial, self.bench.play(self.trial))
        self.raises = self.bench.raises(
            self.trial
        )  # then what is changed must be compiled: it cannot be watched
        self.full, self.partial = [], []
        suspects = self._suspects()
        self.suspects = suspects
        aimed = [s for s in suspects if s.target is not None]
        best = max((s.rank for s in suspects), default=0.0)
        first = [s for s in suspects if s.rank >= 0.75 * best]
        rest = [s for s in suspects if s.rank < 0.75 * best]
        for n, tier in enumerate(
            (
                lambda: self._simple(first, to=LIKELY),
                lambda: self._simple(rest, to=LIKELY),
                lambda: self._built(aimed),
                lambda: self._simple(first, above=LIKELY),
                lambda: self._simple(rest, above=LIKELY),
                lambda: self._missing_lines(suspects),
                lambda: self._two_in_one(aimed or suspects[:6]),
            )
        ):
            tier()
            best = self._accept(self.full, list(self.now))
            if best is not None:
                return best
            if n == 1 and not aimed and sum(not right for right in self.now.values()) > 1:
                best = self._partial()  # no value of one line mends everything: several mistakes
                if best is not None:
                    return best
            if self.late():
                break
        return self._partial()

    def _partial(self):
        """The likeliest of the changes that mend some of the wrong gradients and break none; None where there is none."""
        likely = [p for p in self.partial if p[0].cost <= PART]
        return self._accept(sorted(likely, key=lambda p: (-len(p[2]), p[0].cost)), None)

    def _suspects(self):
        """The statements of backward that a wrong gradient depends on, the likeliest first."""
        found, keys, installed = [], itertools.count(), []
        for function in self.functions:
            slots = {}
            for body, index, statement in function.statements():
                one = Slots(statement)
                numbered = {id(n): next(keys) for n in one.nodes}
                slots |= {numbered[id(n)]: n for n in one.nodes}
                found.append(Suspect(function, body, index, statement, one, numbered))
            if isinstance(function.tree, ast.Lambda):
                one = Slots(ast.Return(function.tree.body))
                one.statement.lineno = function.tree.lineno
                numbered = {id(n): next(keys) for n in one.nodes}
                slots |= {numbered[id(n)]: n for n in one.nodes}
                found.append(Suspect(function, [], 0, one.statement, one, numbered))
            try:
                function.put(function.compiled(watched(function.tree, slots)))
                installed.append(function)
            except (SyntaxError, ValueError):
                pass
        try:
            wanted = [k for s in found for k in s.keys.values()]
            kept = recorded(wanted, lambda: self.bench.play(self.trial))
            forward = recorded(wanted, lambda: self.bench._forward(self.trial.values))
            other = self._with_another_g(wanted)
            order = {k: i for i, k in enumerate(kept)}
            found = [s for s in found if any(k in kept for k in s.keys.values())]
            for s in found:
                self._note(s, kept, order)
                s.forward = any(k in forward for k in s.keys.values())
                s.setup = self._is_setup(s, kept, other)
            raises = not any(self.now.values())
            with_values = [s for s in found if not self._belongs_to_forward(s, kept, forward, raises)]
            wrong = [n for n, right in self.now.items() if not right]
            for s in with_values:
                self._rank(s, wrong, raises)
            likely = [s for s in with_values if s.rank > 0]
            for s in sorted(likely, key=lambda s: -s.rank)[:40]:
                if not raises:
                    self._solve(s, kept, wrong)
        finally:
            for function in installed:
                function.put(function.compiled())
        return sorted(likely, key=lambda s: (-s.rank, s.where))

    def _with_another_g(self, wanted):
        """What was watched with another upstream gradient; None where the loss itself is differentiated."""
        if self.trial.g is None:
            return None
        other = replace(self.trial, g=np.random.default_rng(3).standard_normal(self.trial.g.shape))
        return recorded(wanted, lambda: self.bench.play(other))

    def _is_setup(self, s, kept, other):
        """A line that prepares values of forward is less likely at fault
        than one that computes a gradient.
        """
        key = s.keys.get(id(s.value_node))
        if key not in kept or isinstance(s.statement, ast.Return):
            return False
        if other is None:
            return False
        return all(_equal(a[0], b[0]) for a, b in zip(kept[key], other.get(key, []), strict=False))

    def _note(self, s, kept, order):
        for node in s.slots.nodes:
            calls = kept.get(s.keys[id(node)])
            if calls:
                value, scope, namespace = calls[0]
                s.values[id(node)] = value
                s.scope, s.namespace = s.scope or scope, namespace
                s.calls = max(s.calls, len(calls))
        s.where = min(order[k] for k in s.keys.values() if k in order)

    def _belongs_to_forward(self, s, kept, forward, raises):
        """Whether y changes with the value of this statement."""
        key = s.keys.get(id(s.value_node))
        if raises:
            return any(k in forward for k in s.keys.values()) and not isinstance(s.statement, ast.Return)
        if key is None or not _holds_numbers(s.values.get(id(s.value_node))):
            return False
        gradients = self._moved(key)
        if gradients is None:
            return True
        base = self._gradients
        s.touches = frozenset(n for n in base if n in gradients and not _equal(gradients[n], base[n]))
        return False

    @property
    def _gradients(self):
        gradients = self.bench.play(self.trial) or {}
        return {n: gradients.get(n) for n in self.trial.truth}

    def _moved(self, key):
        rng = np.random.default_rng(5)

        def moved(value):
            value = host(value)
            if isinstance(value, np.ndarray) and value.dtype.kind == "f":
                return value * 1.1 + 0.05 * rng.standard_normal(value.shape)
            if type(value) in (tuple, list):
                return type(value)(moved(v) for v in value)
            if type(value) is dict:
                return {n: moved(v) for n, v in value.items()}
            return value * 1.1 + 0.03 if isinstance(value, float | np.floating) else value

        with answering({key: lambda value, _: moved(value)}):
            return self.bench.play(self.trial)

    def _rank(self, s, wrong, raises):
        """Ochiai: how far what depends on the statement is what is wrong."""
        if raises or not _holds_numbers(s.values.get(id(s.value_node))):
            s.rank = 0.3 if not s.forward else 0.05
            if self.raises and self.raises[:2] == (s.function.path, s.statement.lineno):
                s.rank = 1.0
            return
        hit = sum(n in s.touches for n in wrong)
        s.rank = hit / np.sqrt(len(wrong) * max(len(s.touches), 1)) if hit else 0.0
        if wrong == [UNTOUCHED]:
            s.rank = 0.5

    def _solve(self, s, kept, wrong):
        """Solve for the value of this statement with which the wrong gradients
        that depend on it are right.
        """
        key = s.keys.get(id(s.value_node))
        calls = kept.get(key, [])
        base = [np.asarray(c[0], float) for c in calls if _moves(c[0])]
        size = sum(b.size for b in base)
        if not base or len(base) != len(calls) or size > SOLVED or self.late():
            return
        names = [n for n in wrong if n in s.touches and n in self.trial.truth]
        if not names:
            return

        def outputs(change):
            pieces = iter(_split(change, base))
            with answering({key: lambda value, _: value + next(pieces)}):
                gradients = self.bench.play(self.trial)
            if gradients is None:
                return None
            try:
                return np.concatenate(
                    [np.asarray(gradients[n], float).reshape(-1)[self.trial.truth[n].entries] for n in names]
                )
            except (KeyError, ValueError, IndexError):
                return None

        start = outputs(np.zeros(size))
        if start is None:
            return
        right = np.concatenate([self.trial.truth[n].values for n in names])
        known = ~np.isnan(right)
        columns = []
        for i in range(size):
            moved = outputs(np.eye(size)[i])
            if moved is None or self.late():
                return
            columns.append(moved - start)
        jacobian, needed = np.array(columns).T[known], (right - start)[known]
        if not np.isfinite(jacobian).all():
            return
        change, *_ = np.linalg.lstsq(jacobian, needed, rcond=1e-10)
        got = outputs(change)
        scale = np.abs(right[known]).max(initial=0.0) + 1e-12
        if got is None or np.abs(got[known] - right[known]).max(initial=0.0) > 1e-6 * scale:
            s.rank *= (
                0.1 if len(wrong) == len(names) else 0.5
            )  # no value of this statement alone makes them right
            return
        exact = np.linalg.matrix_rank(jacobian, tol=1e-8 * max(np.abs(jacobian).max(), 1e-300)) == size
        pieces = _split(change, base)
        s.target = [b + c for b, c in zip(base, pieces, strict=True)] if exact else ()
        s.rank += 1.0

    # ----- the tiers

    def _simple(self, suspects, above=0.0, to=np.inf):
        """The simple changes of every suspect that cost so much, cheapest first."""
        plans = []
        for s in suspects:
            for edit in self._edits_of(s):
                edit.cost += SETUP * s.setup
                if not above < edit.cost <= to:
                    continue
                plans.append((edit.cost - 0.15 * s.rank, len(plans), s, edit))
        plans.sort(key=lambda p: (round(p[0] * 4), p[2].where, p[0], p[1]))  # one statement after the other
        self._try_all([(s, edit) for *_, s, edit in plans])

    def _edits_of(self, s):
        arrays, numbers = atoms(s.scope, s.namespace)
        numbers = numbers + changes.sizes(arrays)
        functions = {
            n: f.__code__.co_argcount
            for n, f in s.namespace.items()
            if hasattr(f, "__code__") and not n.startswith("_")
        }
        yield from expression_edits(s.slots, s.values, arrays, numbers, functions)
        if s.body:
            yield from statement_edits(s.body, s.index, s.statement)

    def _try_all(self, plans):
        """Try changes until a full repair is at hand and what is left costs clearly more."""
        watching = None
        try:
            for s, edit in plans:
                if self.late():
                    return
                if self.full and edit.cost > min(f[0].cost for f in self.full) + NEAR:
                    continue
                if self.raises and self._calls_less(edit):
                    continue
                k = s.keys.get(id(edit.node)) if edit.body is None and not self.raises else None
                if k is None:
                    if watching is not None:
                        watching.function.put(watching.function.compiled())
                        watching = None
                    gradients = self._with_compiled(s, edit)
                else:
                    if watching is not s:
                        if watching is not None:
                            watching.function.put(watching.function.compiled())
                        nodes = {s.keys[id(x)]: x for x in s.slots.nodes}
                        s.function.put(s.function.compiled(watched(s.function.tree, nodes)))
                        watching = s
                    gradients = self._with_answer(s, k, edit)
                if self._keep(s, edit, gradients):
                    watching = None  # the trial at other inputs has put the plain functions back
        finally:
            if watching is not None:
                watching.function.put(watching.function.compiled())

    def _calls_less(self, edit):
        """Whether a change leaves out a call of the person's own: then a line that raises is only not reached."""
        own = {f.name.rpartition(".")[2] for f in self.functions}

        def count(nodes):
            calls = (n.func for node in nodes for n in ast.walk(node) if isinstance(n, ast.Call))
            return sum(getattr(f, "attr", getattr(f, "id", "")) in own for f in calls)

        if edit.body is None:
            return count([edit.new]) < count([edit.node])
        return count(edit.statements) < count(edit.body[edit.index : edit.index + edit.gone])

    def _with_answer(self, s, k, edit):
        try:
            code = compile(ast.fix_missing_locations(ast.Expression(edit.new)), "<change>", "eval")
        except (SyntaxError, ValueError, TypeError):
            return None
        if s.calls == 1:  # what cannot even be evaluated need not be run
            try:
                with np.errstate(all="ignore"):
                    eval(code, s.namespace, dict(s.scope))
            except NameError:
                pass  # a variable of a comprehension
            except Exception:
                return None
        with answering({k: expression_answer(code)}):
            return self.bench.play(self.trial)

    def _with_compiled(self, s, edit):
        try:
            undo = applied(edit, s.function)
        except ValueError:
            return None
        try:
            s.function.put(s.function.compiled())
            return self.bench.play(self.trial)
        except (SyntaxError, ValueError, TypeError):
            return None
        finally:
            undo()
            s.function.put(s.function.compiled())

    def _keep(self, s, edit, gradients):
        """Remember a change that mends something. True if it was tried at the other inputs as well."""
        if gradients is None:
            return False
        status = self.bench.status(self.trial, gradients)
        gained = [n for n in status if status[n] and not self.now[n]]
        lost = [n for n in status if self.now[n] and not status[n]]
        if all(status.values()):
            if self._holds(s, edit, list(self.now)):  # else it only seemed right at these inputs
                self.full.append((edit, s, gained))
            return True
        wrong = [n for n in s.touches if not self.now.get(n, True)]
        if not lost and sum(n in wrong for n in gained) * 2 >= max(len(wrong), 1):
            self.partial.append((edit, s, gained))  # most of what depends on this statement is right with it
        return False

    def _built(self, suspects):
        """Expressions built for the solved value of a statement: a term, a factor of a term, or the whole."""
        plans = []
        for s in suspects:
            if not s.target or self.late():
                continue
            for cost, kind, words, node, new in self._expressions(s):
                plans.append((s, Edit(cost, kind, words, node, new)))
        plans.sort(key=lambda p: p[1].cost)
        self._try_all(plans)

    def _expressions(self, s):
        target, value = s.target[0], s.values.get(id(s.value_node))
        arrays, numbers = atoms(s.scope, s.namespace)
        numbers = numbers + changes.sizes(arrays)
        node = s.value_node
        library = Library(arrays, numbers, target.shape)
        whole = np.asarray(value, float)
        for one, other in itertools.permutations(arrays, 2):
            if one.value.shape == other.value.shape == target.shape and target.ndim:
                yield from _of_softmax(one, other, target, node)
        if whole.shape == target.shape:
            for cost, name in library.find(target - whole):
                new = changes.binary(node, ast.Add(), changes.parsed(name))
                yield 0.4 + cost, "missing path", f"the term {name} is missing", node, new
            for sign, term in _terms(node):
                own = s.values.get(id(term))
                if not isinstance(own, np.ndarray | float | np.floating) or np.ndim(own) > target.ndim:
                    continue
                with np.errstate(all="ignore"):
                    needed = sign * (target - (whole - sign * np.asarray(own, float)))
                    if np.shape(own) == target.shape and (np.asarray(own) != 0).all():
                        for cost, name in library.find(needed / own, most=6):
                            new = changes.binary(term, ast.Mult(), changes.parsed(f"({name})"))
                            yield (
                                0.3 + cost,
                                "factor",
                                f"the factor {name} is missing at {ast.unparse(term)}",
                                term,
                                new,
                            )
                    if needed.shape == target.shape:
                        for cost, name in library.find(needed, most=6):
                            yield (
                                1.0 + cost,
                                "term",
                                f"{name} is due where {ast.unparse(term)} stands",
                                term,
                                changes.parsed(f"({name})"),
                            )
        else:
            for cost, name in library.find(target):
                yield (
                    1.0 + cost,
                    "term",
                    f"{name} is due where {ast.unparse(node)} stands",
                    node,
                    changes.parsed(name),
                )

    def _missing_lines(self, suspects):
        """A line that is missing after this one: its value times a factor, or one more path into it."""
        plans = []
        for s in suspects[:12]:
            if (
                not s.body
                or isinstance(s.statement, ast.Return)
                or not isinstance(s.statement, ast.Assign | ast.AugAssign)
            ):
                continue
            target = s.statement.targets[0] if isinstance(s.statement, ast.Assign) else s.statement.target
            if not isinstance(target, ast.Name | ast.Attribute | ast.Subscript):
                continue
            arrays, numbers = atoms(s.scope, s.namespace)
            value = s.values.get(id(s.value_node))
            name = ast.unparse(target)
            for other in arrays:
                if np.shape(value) == other.value.shape:
                    for sign in ("+", "-"):
                        line = f"{name} = {name} {sign} {other.text}"
                        plans.append(
                            (
                                s,
                                1.9,
                                "missing path",
                                f"a line is missing: {other.text} flows into {name} as well",
                                line,
                            )
                        )
                    line = f"{name}[{other.text} <= 0] = 0"
                    plans.append(
                        (
                            s,
                            1.9,
                            "missing path",
                            f"a line is missing: {name} is 0 where {other.text} is not positive",
                            line,
                        )
                    )
            for axis in (0, 1):
                line = f"{name} = {name}.sum(axis={axis}, keepdims=True)"
                plans.append(
                    (s, 2.0, "reduction", f"a line is missing: {name} must be summed over axis {axis}", line)
                )
        tried = []
        for s, cost, kind, words, line in plans:
            try:
                new = ast.parse(line).body
            except SyntaxError:
                continue
            tried.append(
                (
                    s,
                    Edit(
                        cost, kind, words, s.statement, body=s.body, index=s.index + 1, gone=0, statements=new
                    ),
                )
            )
        self._try_all(tried)

    def _two_in_one(self, suspects):
        """Two cheap changes in one statement."""
        for s in suspects[:4]:
            cheap = [
                e for e in self._edits_of(s) if e.body is None and e.cost <= 1.25 and id(e.node) in s.keys
            ]
            unique = {(id(e.node), ast.dump(e.new)): e for e in cheap}
            cheap = sorted(unique.values(), key=lambda e: e.cost)[:120]
            inside = {id(e): {id(n) for n in ast.walk(e.node)} for e in cheap}
            nodes = {s.keys[id(x)]: x for x in s.slots.nodes}
            try:
                s.function.put(s.function.compiled(watched(s.function.tree, nodes)))
                codes = {}
                for e in cheap:
                    codes[id(e)] = compile(
                        ast.fix_missing_locations(ast.Expression(e.new)), "<change>", "eval"
                    )
                for a, b in itertools.combinations(cheap, 2):
                    if self.late() or (self.full and a.cost + b.cost > self.full[0][0].cost + NEAR):
                        break
                    if id(b.node) in inside[id(a)] or id(a.node) in inside[id(b)]:
                        continue
                    answers = {s.keys[id(e.node)]: expression_answer(codes[id(e)]) for e in (a, b)}
                    with answering(answers):
                        gradients = self.bench.play(self.trial)
                    both = self._joined(s, a, b)
                    if both is not None and self._keep(s, both, gradients):
                        s.function.put(s.function.compiled(watched(s.function.tree, nodes)))
            except (SyntaxError, ValueError):
                pass
            finally:
                s.function.put(s.function.compiled())

    def _joined(self, s, a, b):
        """Two changes of one statement as one change of its value."""
        node = s.value_node
        if node is None or a.node is node or b.node is node:
            return None
        new = changes.replaced(node, {id(a.node): a.new, id(b.node): b.new})
        return Edit(a.cost + b.cost + 0.3, a.kind, f"{a.words}; and {b.words}", node, new)

    # ----- acceptance

    def _accept(self, candidates, must):
        """The cheapest change that holds at every trial, with its equals; None if there is none."""
        accepted = []
        for edit, s, gained in sorted(candidates, key=lambda c: c[0].cost)[:40] if must else candidates[:40]:
            if accepted and edit.cost > accepted[0].edit.cost + NEAR:
                break
            if any(
                edit.node is r.edit.node and (edit.body is None) == (r.edit.body is None) for r in accepted
            ):
                continue  # another text at the same place
            if must or self._holds(
                s, edit, gained
            ):  # those that mend everything have been tried at the other inputs
                accepted.append(Repair(s, edit, tuple(gained), len(self.trials), self.task.sizes_vary))
            if len(accepted) == 4:
                break
        if not accepted:
            return None
        first = min(accepted, key=lambda r: (r.edit.cost, r.suspect.where))
        first.alternatives = [r for r in accepted if r is not first and set(r.mends) == set(first.mends)]
        return first

    def _holds(self, s, edit, names):
        undo = applied(edit, s.function)
        try:
            s.function.put(s.function.compiled())
            n = 0
            while n < TRIALS:
                if n == len(self.trials):
                    self.trials.append(self.bench.trial(self.rng))
                trial = self.trials[n]
                status = self.bench.status(trial, self.bench.play(trial))
                if not all(status[name] for name in names if name in status):
                    return False
                n += 1
            return True
        except (SyntaxError, ValueError, TypeError):
            return False
        finally:
            undo()
            s.function.put(s.function.compiled())


# ----- small things -----------------------------------------------------------------------------------------


def _moves(value):
    return isinstance(value, float | np.floating) or (
        isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.size > 0
    )


def _holds_numbers(value):
    if isinstance(value, tuple | list):
        return any(_holds_numbers(v) for v in value)
    return any(map(_holds_numbers, value.values())) if isinstance(value, dict) else _moves(value)


def _equal(a, b):
    try:
        return np.array_equal(np.asarray(a, float), np.asarray(b, float), equal_nan=True)
    except (TypeError, ValueError):
        return False


def _of_softmax(p, g, target, node):
    """The derivative of the softmax, p (g - sum of g p), where a statement must give that."""
    for axis in {-1, 0} if target.ndim > 1 else {-1}:
        with np.errstate(all="ignore"):
            right = p.value * (g.value - (g.value * p.value).sum(axis=axis, keepdims=True))
        if np.allclose(right, target, rtol=1e-6, atol=1e-9):
            text = f"{p.text} * ({g.text} - ({g.text} * {p.text}).sum(axis={axis}, keepdims=True))"
            words = (
                f"the derivative of the softmax has a second part: every {p.text} moves all others of its row"
            )
            yield 1.2, "function", words, node, changes.parsed(text)


def _split(flat, like):
    pieces, at = [], 0
    for b in like:
        pieces.append(flat[at : at + b.size].reshape(b.shape))
        at += b.size
    return pieces


def _terms(node, sign=1):
    """[(sign, node)]: the additive terms of an expression."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        return _terms(node.left, sign) + _terms(node.right, sign if isinstance(node.op, ast.Add) else -sign)
    return [(sign, node)]
