# SPDX-License-Identifier: BSD-2-Clause
"""Tables of pmbgpd as MRT files: the snapshot that outlives it, dumps for other tools, files of others. bgpdump and BIRD are the judges."""
import signal
import socket
import struct

import bgp
from bgp import Speaker, announcements, attribute, attributes, find, lines, message, prefix, update

LOG = "bgp_daemon_msglog_file: @DIR@/log\n"
SNAPSHOT = "bgp_daemon_snapshot_file: @DIR@/rib.mrt\n"
RD = struct.pack("!HHI", 0, 65001, 1)
MAC_ROUTE = b"\2\x21" + RD + bytes(10) + bytes(4) + b"\x30\2\0\0\0\0\1\0" + b"\0\6\x40"
FLOW = b"\x08\x01\x18\xc0\0\2\x03\x81\x06"


def reach(afi, safi, hop, nlri):
    return attribute(0x80, 14, struct.pack("!HBB", afi, safi, len(hop)) + hop + b"\0" + nlri)


def end_of_rib(afi, safi):
    return update(attrs=attribute(0x80, 15, struct.pack("!HB", afi, safi)))


FAMILIES = ((1, 1), (2, 1), (1, 128), (25, 70), (1, 133))
PLAIN = attributes(next_hop=None)
OTHERS = (update(attrs=PLAIN + reach(2, 1, socket.inet_pton(socket.AF_INET6, "2001:db8::1"), prefix("2001:db8:1::/48"))),
          update(attrs=PLAIN + reach(1, 128, bytes(8) + b"\xc0\0\2\1", b"\x70\0\1\x81" + RD + b"\x0a\1\2")),
          update(attrs=PLAIN + reach(25, 70, b"\xc0\0\2\1", MAC_ROUTE)),
          update(attrs=PLAIN + reach(1, 133, b"", FLOW)))
EVERY_END = [update()] + [end_of_rib(*f) for f in FAMILIES[1:]]


def wait_lines(run, count, seconds=20, **members):
    run.wait(lambda: len(find(lines(run), **members)) >= count, f"{count} lines {members}", seconds)
    return find(lines(run), **members)


def routes(rows):
    return sorted(row.get("ip_prefix") or row["nlri"] for row in rows)


def listens(address, port):
    with socket.socket() as s:
        return s.connect_ex((address, port)) == 0


def test_bgp_snapshot(run):
    """A restart: routes are there again before their neighbour is; he tells most of them anew, the others are deleted, once."""
    d, port = bgp.pmbgpd(run, LOG + SNAPSHOT)
    s = Speaker(run, port).meet(rid="10.0.0.1", families=FAMILIES)
    s.send(announcements(("10.0.0.0/8", "10.1.0.0/16"), attributes(communities=("65001:7",))), *OTHERS)
    before = wait_lines(run, 6, log_type="update")
    d.stop(signal.SIGTERM)
    s.close()
    (run.dir / "log").unlink()
    d, port = bgp.pmbgpd(run, LOG + SNAPSHOT)
    d.wait_log(r"bgp_daemon_snapshot_file: 6 routes of 1 neighbours from '.*rib.mrt'")
    assert bgp.stat(d, "peers") == 1
    s = Speaker(run, port).meet(rid="10.0.0.1", families=FAMILIES)
    s.send(announcements(("10.0.0.0/8",), attributes(communities=("65001:7",))), *OTHERS[2:])
    wait_lines(run, 3, log_type="update")
    assert not find(lines(run), log_type="delete")
    s.send(*EVERY_END)
    gone = wait_lines(run, 3, log_type="delete")
    assert routes(gone) == ["10.1.0.0/16", "10.1.2.0/24", "2001:db8:1::/48"], gone
    keep = ("ip_prefix", "nlri", "afi", "safi", "rd", "rd_origin", "mpls_label", "evpn", "flowspec", "bgp_nexthop", "as_path", "comms", "origin")
    for row in gone:  # what comes back from the file is what was there
        was = find(before, **{k: row[k] for k in ("afi", "safi", "ip_prefix")})
        assert [{k: r.get(k) for k in keep} for r in was] == [{k: row.get(k) for k in keep}], (was, row)
    run.wait(lambda: bgp.stat(d, "peers") == 1, "one peer in the RIB")
    s.close()
    d.stop()


def test_bgp_snapshot_without_neighbour(run):
    """Who does not come again is forgotten in time; a kill -9 costs what is younger than the last snapshot; a file that is cut off is no harm."""
    d, port = bgp.pmbgpd(run, LOG + SNAPSHOT + "bgp_daemon_snapshot_interval: 1\n")
    s = Speaker(run, port).meet(rid="10.0.0.1", families=FAMILIES)
    s.send(announcements(("10.0.0.0/8",), attributes()), *OTHERS[2:])
    wait_lines(run, 3, log_type="update")
    d.wait_log(r"bgp_daemon_snapshot_file: 3 routes of 1 neighbours in ")
    d.send_signal(signal.SIGKILL)
    d.wait()
    s.close()
    whole = (run.dir / "rib.mrt").read_bytes()
    (run.dir / "log").unlink()
    d, port = bgp.pmbgpd(run, LOG + SNAPSHOT + "bgp_daemon_snapshot_stale_time: 2\n")
    d.wait_log(r"bgp_daemon_snapshot_file: 3 routes of 1 neighbours from")
    assert routes(wait_lines(run, 3, log_type="delete")) == ["10.0.0.0/8", "[2]:[0]:[48]:[02:00:00:00:00:01]", "dst 192.0.2.0/24; proto =6"]
    run.wait(lambda: bgp.stat(d, "peers") == 0, "no peer in the RIB")
    d.stop()
    (run.dir / "rib.mrt").write_bytes(whole[:-10])
    d, port = bgp.pmbgpd(run, SNAPSHOT)
    d.wait_log(r"bgp_daemon_snapshot_file: '?.*rib.mrt'?: ends within a record")
    d.wait_log(r"bgp_daemon_snapshot_file: 2 routes of 1 neighbours from")
    d.stop()
    (run.dir / "rib.mrt").write_bytes(b"something else, and long enough to look like a record of MRT")
    d, port = bgp.pmbgpd(run, SNAPSHOT)
    d.wait_log(r"this is no MRT file")
    d.stop()


def test_bgp_mrt_for_bgpdump(run):
    """What bgpdump reads in the file is what was announced; the file can also be the next daemon's table."""
    bgpdump = run.need("bgpdump")
    d, port = bgp.pmbgpd(run, LOG + SNAPSHOT)
    s = Speaker(run, port).meet(rid="10.0.0.1", families=((1, 1), (2, 1)), add_path=((1, 1),))
    s.send(update(prefix("10.0.0.0/8", 7) + prefix("10.0.0.0/8", 8), attributes(path=(65001, 4200000000), med=5, communities=("65001:7", "65001:6"))), OTHERS[0])
    wait_lines(run, 3, log_type="update")
    d.stop(signal.SIGTERM)
    s.close()
    got = [line.split("|") for line in run.call(bgpdump, "-m", run.dir / "rib.mrt").splitlines() if line.startswith("TABLE_DUMP2")]
    paths = [row[2:] for row in got if row[0] == "TABLE_DUMP2_AP"]
    assert [row[:9] + row[11:12] for row in paths] == [
        ["B", "127.0.0.2", "65001", "10.0.0.0/8", number, "65001 4200000000", "IGP", "192.0.2.1", "0", "NAG"][:9] + [row[11]]
        for number, row in zip(("7", "8"), paths)], paths
    assert all("65001:6 65001:7" in row for row in paths), paths
    six = [row for row in got if row[0] == "TABLE_DUMP2"]
    assert [row[3:9] for row in six] == [["127.0.0.2", "65001", "2001:db8:1::/48", "65001", "IGP", "2001:db8::1"]], six
    (run.dir / "rib.mrt").rename(run.dir / "theirs.mrt")
    d, port = bgp.pmbgpd(run, "bgp_daemon_mrt_file: @DIR@/theirs.mrt\n")
    d.wait_log(r"bgp_daemon_mrt_file: 3 routes of 1 neighbours from")
    d.stop()


def test_bgp_mrt_of_bird(run):
    """Tables and messages that BIRD writes as MRT hold the routes that it was told, as if its neighbour were ours."""
    bird = run.need("bird")
    port = run.port(socket.SOCK_STREAM)
    conf = run.write("mrt.conf", f"""
log stderr all; router id 10.0.0.11; mrtdump "{run.dir}/messages.mrt"; mrtdump protocols all;
protocol device {{ }}
protocol bgp {{ local 127.0.0.11 port {port} as 65000; neighbor 127.0.0.2 as 65001; multihop; passive; ipv4 {{ import all; export none; }}; ipv6 {{ import all; export none; }}; }}
protocol mrt {{ table "master*"; filename "{run.dir}/table.mrt"; period 1; }}
""")
    router = bgp.Router(run, "bird", [bird, "-f", "-c", conf, "-s", run.dir / "bird.ctl", "-P", run.dir / "bird.pid"], [])
    run.wait(lambda: listens("127.0.0.11", port), "BIRD to listen", 20)
    s = Speaker(run, port, to="127.0.0.11").meet(rid="10.0.0.1", families=((1, 1), (2, 1)))
    s.send(announcements(("10.0.0.0/8", "10.1.0.0/16", "10.2.0.0/16"), attributes(path=(65001, 4200000000), communities=("65001:7",))), OTHERS[0],
           update(withdrawn=prefix("10.2.0.0/16")), update())
    run.wait(lambda: "2001:db8:1::/48" in bgp.birdc(run, "show", "route"), "BIRD to know the routes", 20)
    size = (run.dir / "table.mrt").stat().st_size if (run.dir / "table.mrt").exists() else 0
    run.wait(lambda: (run.dir / "table.mrt").exists() and (run.dir / "table.mrt").stat().st_size > size + 300, "two more tables of BIRD", 20)
    router.stop()
    s.close()
    for name in ("table", "messages"):
        d, port = bgp.pmbgpd(run, f"bgp_daemon_mrt_file: @DIR@/{name}.mrt\n{SNAPSHOT}")
        d.wait_log(r"bgp_daemon_mrt_file: \d+ routes of \d+ neighbours from")
        assert not d.said("malformed"), d.text()
        assert bgp.stat(d, "attribute_sets") >= 1
        d.stop(signal.SIGTERM)
        got = [line.split("|") for line in run.call(run.need("bgpdump"), "-m", run.dir / "rib.mrt").splitlines() if line.startswith("TABLE_DUMP2")]
        theirs = sorted(row[3:9] + [row[11]] for row in got if row[3] == "127.0.0.2")
        assert theirs == [["127.0.0.2", "65001", "10.0.0.0/8", "65001 4200000000", "IGP", "192.0.2.1", "65001:7"],
                          ["127.0.0.2", "65001", "10.1.0.0/16", "65001 4200000000", "IGP", "192.0.2.1", "65001:7"],
                          ["127.0.0.2", "65001", "2001:db8:1::/48", "65001", "IGP", "2001:db8::1", ""]], (name, got)
        (run.dir / "rib.mrt").unlink()


def test_bgp_table_files_refused(run):
    """Names that cannot be what is meant."""
    for key, name in (("bgp_table_dump_mrt_file", "$peer_src_ip.mrt"), ("bgp_daemon_snapshot_file", "%H.mrt"), ("bgp_daemon_snapshot_file", "$tag.mrt")):
        d = run.daemon("pmbgpd", config=f"bgp_daemon_ip: 127.0.0.1\n{key}: @DIR@/{name}\n")
        assert d.wait() == 1, key
        d.wait_log(rf":\d+: {key}: .*name has")


def test_bgp_table_of_bird(run):
    """Two thousand routes of BIRD: what the log adds up to is BIRD's own table, after flaps, after BIRD was killed and came back with fewer (graceful
    restart where it asks for it), and after it let routes change."""
    run.need_root()
    d, port = bgp.pmbgpd(run, "bgp_daemon_as: 65000\nbgp_daemon_msglog_file: @DIR@/log\n")

    def routes(count, mark):
        return "".join(f"route 10.{n >> 8}.{n & 255}.0/24 blackhole {{ bgp_community.add((65011,{mark + n % 50})); bgp_path.prepend({64600 + n % 7}); }};\n"
                       for n in range(count))

    def own():
        """BIRD's table as the log writes it: {prefix: (path, communities)}."""
        table, net = {}, None
        for line in (bgp.birdc(run, "show", "route", "table", "master4", "all") + bgp.birdc(run, "show", "route", "table", "master6", "all")).splitlines():
            words = line.split()
            if words and "/" in words[0] and not line[0].isspace():
                net = words[0]
                table[net] = ["65011", ""]
            elif net and words[:1] == ["BGP.as_path:"]:
                table[net][0] = " ".join(["65011", *words[1:]]).strip()
            elif net and words[:1] == ["BGP.community:"]:
                table[net][1] = " ".join(w.strip("()").replace(",", ":") for w in words[1:])
        return {net: tuple(v) for net, v in table.items()}

    def told():
        table = {}
        for row in lines(run):
            if row.get("log_type") == "update":
                table[row["ip_prefix"]] = row["as_path"], row.get("comms", "")
            elif row.get("log_type") in ("withdraw", "delete"):
                table.pop(row["ip_prefix"], None)
        return table

    def compare(what):
        run.wait(lambda: len(told()) == len(own()) and told() == own(), f"the log to add up to BIRD's table {what}", 60)

    first = bgp.bird(run, port, extra_routes=routes(2000, 100))
    run.wait(lambda: len(told()) == 2003, "all routes", 60)
    compare("at first")
    for _ in range(5):
        bgp.birdc(run, "restart", "coll")
    compare("after flaps")
    first.process.kill()
    first.process.wait()
    bgp.bird(run, port, extra_routes=routes(1500, 200))
    run.wait(lambda: len(told()) == 1503, "the new table", 90)
    compare("after it was killed")
    bgp.birdc(run, "disable", "s4")
    compare("when most of it was taken back")
    assert len(told()) == 1
    d.stop()
