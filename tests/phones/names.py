#!/usr/bin/env python3
"""A name server for tests (RFC 1035, RFC 2782), over UDP: it knows the records that it is given and that there are no others.

  names.py ADDRESS:PORT 'SRV _sip._udp.carrier.test 10 0 5070 one.carrier.test' 'A one.carrier.test 127.0.0.5' ...

The first line that it prints is {"ready": true}; then each question that it is asked, with the number of records answered. It shares no
code with anything that asks.
"""
import json
import socket
import struct
import sys

TYPES = {"A": 1, "AAAA": 28, "SRV": 33}
TTL_S = 60
NO_SUCH_NAME = 3


def labels(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def read(records):
    """(name, type) -> the data of its records."""
    known = {}
    for record in records:
        kind, name, *rest = record.split()
        data = socket.inet_aton(rest[0]) if kind == "A" else struct.pack(">HHH", *map(int, rest[:3])) + labels(rest[3])
        known.setdefault((name.lower(), TYPES[kind]), []).append(data)
    return known


def question(query):
    """The name and type asked for, and where the question ends."""
    at, name = 12, []
    while length := query[at]:
        name.append(query[at + 1:at + 1 + length].decode("latin-1"))
        at += 1 + length
    return ".".join(name), struct.unpack(">H", query[at + 1:at + 3])[0], at + 5


def answer(query, known):
    name, kind, end = question(query)
    found = known.get((name.lower(), kind), [])
    exists = any(name.lower() == other for other, _ in known)
    flags = 0x8580 | (0 if exists else NO_SUCH_NAME)   # a response, with authority, recursion asked for and there
    head = query[:2] + struct.pack(">HHHHH", flags, 1, len(found), 0, 0)
    said = b"".join(b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, TTL_S, len(data)) + data for data in found)
    return head + query[12:end] + said, dict(name=name, type=kind, answers=len(found))


def main():
    address, port = sys.argv[1].rsplit(":", 1)
    known = read(sys.argv[2:])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
        door.bind((address, int(port)))
        print(json.dumps(dict(ready=True)), flush=True)
        while True:
            query, asker = door.recvfrom(512)
            try:
                said, told = answer(query, known)
            except (IndexError, struct.error):
                continue   # not a question
            door.sendto(said, asker)
            print(json.dumps(told), flush=True)


main()
