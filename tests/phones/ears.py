#!/usr/bin/env python3
"""Proves what was heard. One JSON object is printed; exit status 0: every expectation met, 1: not.

  ears.py find   HEARD.wav PROMPT.wav [PROMPT.wav ...]    each prompt is in the recording, whole, in this order
  ears.py absent HEARD.wav PROMPT.wav [PROMPT.wav ...]    none of them is, not even in part
  ears.py part SECONDS HEARD.wav SOUND.wav                a stretch of the recording so long is a part of the sound, which repeats
                                                          (music that began before the caller came)

A prompt is looked for by normalised cross-correlation: `score` (0..1) and `at` (seconds) of the best place; then in blocks of
200 ms, each allowed to wander by 80 ms as a jitter buffer makes it: `coverage` is the share of blocks that match, which a cut
off or gapped prompt loses. A machine that stands still for a moment puts a pause into a prompt, of which nothing is lost: a block
may stand later than the one before it, together by `paused` seconds, never sooner; more than 0.3 s is a fault. (The walks bound
the gaps of the stream by themselves.) A prompt may stand in the recording several times: in `find`, the first place after its
predecessor counts.
"""
import json
import sys
import wave

import numpy as np

RATE = 8000
BLOCK_S, WANDER_S = 0.2, 0.08
PAUSE_S = 0.3   # so long may a prompt pause in all
BLOCK_MATCHES = 0.7   # correlation of one block
FOUND_COVERAGE = 0.9
PRESENT_SCORE, PRESENT_COVERAGE = 0.6, 0.3   # from here on a prompt counts as not absent
PIECE_S = 0.5   # a stretch is judged in pieces so long
QUIET = 10 ** (-45 / 20)   # blocks of the prompt below this are pauses and prove nothing


def load(path):
    """Mono samples at 8 kHz, -1..1. Linear resampling is enough to compare."""
    with wave.open(path) as file:
        if file.getsampwidth() != 2:
            raise SystemExit(f"{path}: not 16-bit")
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(float) / 32768
        samples = samples.reshape(-1, file.getnchannels()).mean(1)
        rate = file.getframerate()
    if rate != RATE:
        length = int(len(samples) * RATE / rate)
        samples = np.interp(np.arange(length) * rate / RATE, np.arange(len(samples)), samples)
    return samples


def correlate(heard, wanted):
    """Normalised correlation of `wanted` at every offset of `heard`."""
    wanted = wanted - wanted.mean()
    size = 1 << int(len(heard) + len(wanted)).bit_length()
    spectrum = np.fft.rfft(heard, size) * np.fft.rfft(wanted[::-1], size)
    sums = np.fft.irfft(spectrum, size)[len(wanted) - 1:len(heard)]
    power = np.cumsum(np.r_[0, heard ** 2])
    energy = power[len(wanted):] - power[:-len(wanted)]
    own = (wanted ** 2).sum()
    floor = max(1e-4 * own, len(wanted) * (10 ** (-60 / 20)) ** 2)
    return sums / np.sqrt(np.maximum(energy, floor) * own)


def trimmed(prompt):
    loud = np.where(np.abs(prompt) > 1e-3)[0]
    return prompt[loud[0]:loud[-1] + 1] if len(loud) else prompt


def places(heard, prompt):
    """Every place where the prompt may stand, best first: (score, offset)."""
    pad = len(prompt)   # a prompt cut off at either end still aligns
    scores = np.abs(correlate(np.pad(heard, pad), prompt))
    found = []
    for _ in range(8):
        at = int(np.argmax(scores))
        found.append((float(scores[at]), at - pad))
        scores[max(0, at - len(prompt) // 2):at + len(prompt) // 2] = 0
        if scores.max(initial=0) < 0.35:
            break
    return found


def place_of(heard, piece, at, before, after):
    """How many samples off `at` the piece stands, at most so many before or after; None where it does not match."""
    low = max(0, at - before)
    window = heard[low:max(low, at + len(piece) + after)]
    window = np.pad(window, (0, max(0, len(piece) - len(window))))
    scores = np.abs(correlate(window, piece))
    best = int(np.argmax(scores))
    return low + best - at if scores[best] > BLOCK_MATCHES else None


def coverage(heard, prompt, at):
    """The share of blocks that match, where those that do not begin, and for how long the prompt paused, in seconds."""
    block, wander, pause = int(BLOCK_S * RATE), int(WANDER_S * RATE), int(PAUSE_S * RATE)
    placed = []
    for start in range(0, len(prompt) - block, block):
        piece = prompt[start:start + block]
        if np.sqrt((piece ** 2).mean()) < QUIET:
            continue
        off = place_of(heard, piece, at + start, wander, wander)
        placed.append((start, place_of(heard, piece, at + start, pause, pause) if off is None else off))
    first = next((off for _, off in placed if off is not None), 0)
    furthest, bad = first, []
    for start, off in placed:
        if off is None or off < furthest - wander or off > first + pause:
            bad.append(round(start / RATE, 2))
        else:
            furthest = max(furthest, off)
    paused = furthest - first
    return 1 - len(bad) / max(len(placed), 1), bad, round(paused / RATE if paused > wander else 0, 2)


def judge(heard, path, after, wanted):
    prompt = trimmed(load(path))
    best = None
    for score, at in places(heard, prompt):
        share, bad, paused = coverage(heard, prompt, at)
        seen = dict(prompt=path, seconds=round(len(prompt) / RATE, 2), at=round(at / RATE, 2), score=round(score, 3),
                    coverage=round(share, 2), missing_at=bad[:8], paused=paused)
        if not wanted:
            return dict(seen, ok=score < PRESENT_SCORE and share <= PRESENT_COVERAGE)
        seen["ok"] = share >= FOUND_COVERAGE and at / RATE >= after
        if seen["ok"] and (not best or not best["ok"] or seen["at"] < best["at"]):
            best = seen
        elif best is None or (not best["ok"] and share > best["coverage"]):
            best = seen
    return best


def stretch(heard, sound):
    """The longest stretch of the recording whose pieces are all in the sound, pauses not counted: (seconds, at)."""
    piece = int(PIECE_S * RATE)
    whole = np.concatenate([sound, sound[:piece]])
    best, run, began = (0.0, None), 0, 0
    for start in range(0, len(heard) - piece, piece):
        wanted = heard[start:start + piece]
        if np.sqrt((wanted ** 2).mean()) < QUIET:
            continue
        if np.abs(correlate(whole, wanted)).max() > BLOCK_MATCHES:
            began = began if run else start
            run += 1
            best = max(best, (run * PIECE_S, round(began / RATE, 2)), key=lambda found: found[0])
        else:
            run = 0
    return best


def part(seconds, heard_path, sound_path):
    longest, at = stretch(load(heard_path), load(sound_path))
    print(json.dumps(dict(heard=heard_path, sound=sound_path, longest=longest, at=at)))
    sys.exit(0 if longest >= float(seconds) else 1)


def main():
    if len(sys.argv) == 5 and sys.argv[1] == "part":
        part(*sys.argv[2:])
    if len(sys.argv) < 4 or sys.argv[1] not in ("find", "absent"):
        raise SystemExit(__doc__)
    verb, heard_path, *prompts = sys.argv[1:]
    heard = load(heard_path)
    result = dict(heard=heard_path, seconds=round(len(heard) / RATE, 2), prompts=[])
    after = -1.0
    for path in prompts:
        seen = judge(heard, path, after, verb == "find")
        result["prompts"].append(seen)
        if verb == "find" and seen["ok"]:
            after = seen["at"] + seen["seconds"] / 2
    result["ok"] = all(seen["ok"] for seen in result["prompts"])
    print(json.dumps(result, indent=1))
    sys.exit(0 if result["ok"] else 1)


main()
