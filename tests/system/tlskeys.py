# SPDX-License-Identifier: BSD-2-Clause
"""Certificates for the tests of TLS and DTLS, made by openssl; and its client and that of GnuTLS."""
import contextlib
import socket
import ssl
import subprocess

EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


class Keys:
    """A folder with an authority, a daemon's certificate (`keys/`, as tls_path wants it), and those of peers: `router` is
    good, `stranger` comes from another authority."""

    def __init__(self, run):
        self.run = run
        run.need("openssl")
        for name in ("ca", "other"):
            run.call("openssl", "req", "-x509", *EC, "-days", "2", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem")
        self.leaf("localhost", "ca")
        self.leaf("router", "ca")
        self.leaf("stranger", "other")
        (run.dir / "keys").mkdir()
        self.install("localhost", "ca")

    def leaf(self, name, authority):
        run = self.run
        run.call("openssl", "req", *EC, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        run.write("san", f"subjectAltName=DNS:{name}\n")
        run.call("openssl", "x509", "-req", "-in", f"{name}.csr", "-CA", f"{authority}.pem", "-CAkey", f"{authority}.key", "-CAcreateserial",
                 "-days", "2", "-extfile", "san", "-out", f"{name}.pem")

    def install(self, name, authority):
        """The certificate that daemons show, and the authority that peers' must come from."""
        for source, target in ((f"{name}.key", "key.pem"), (f"{name}.pem", "cert.pem"), (f"{authority}.pem", "ca-certificates.crt")):
            (self.run.dir / "keys" / target).write_text((self.run.dir / source).read_text())

    def revoke(self, name):
        """A list with this certificate on it, beside the others."""
        run = self.run
        run.write("index.txt", "")
        run.write("ca.cnf", "[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\ndefault_md=sha256\ndefault_crl_days=2\n")
        words = ["openssl", "ca", "-config", "ca.cnf", "-keyfile", "ca.key", "-cert", "ca.pem"]
        run.call(*words, "-revoke", f"{name}.pem")
        run.call(*words, "-gencrl", "-out", "keys/crl.pem")

    def connect(self, port, who="router", version=None, source="127.0.0.1", trust="ca"):
        """A TLS session of Python's. With TLS 1.3 a refusal shows only when something is read: see refused()."""
        c = ssl.create_default_context(cafile=self.run.dir / f"{trust}.pem")
        if who:
            c.load_cert_chain(self.run.dir / f"{who}.pem", self.run.dir / f"{who}.key")
        if version:
            c.minimum_version = c.maximum_version = version
        s = socket.create_connection(("127.0.0.1", port), source_address=(source, 0))
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            return c.wrap_socket(s, server_hostname="localhost")
        except BaseException:
            s.close()
            raise

    def refused(self, port, who, **more):
        """Does the server end it before it has taken anything?"""
        with contextlib.suppress(OSError):
            with self.connect(port, who, **more) as s:
                s.settimeout(60)
                return s.recv(1) == b""
        return True


def finish(s):
    """Ends a session of Keys.connect and waits until the other side has read all of it."""
    with contextlib.suppress(OSError):
        s.unwrap()
    s.close()


class Client:
    """A client program that sends over DTLS or TLS what it reads: what is written at once becomes one record."""

    def __init__(self, run, name, *words):
        self.out = run.dir / f"{name}.out"
        with self.out.open("wb") as f:
            self.process = subprocess.Popen([str(w) for w in words], stdin=subprocess.PIPE, stdout=f, stderr=subprocess.STDOUT, cwd=run.dir)
        run.helpers = getattr(run, "helpers", []) + [self.process]

    def send(self, octets):
        self.process.stdin.write(octets)
        self.process.stdin.flush()

    def close(self):
        """In order, with close_notify."""
        self.process.stdin.close()
        self.process.wait(60)


def openssl(run, port, who="router", words=("-dtls1_2",), name="openssl"):
    cert = ["-cert", f"{who}.pem", "-key", f"{who}.key"] if who else []
    return Client(run, name, "openssl", "s_client", *words, "-connect", f"127.0.0.1:{port}", *cert, "-CAfile", "ca.pem", "-verify_return_error",
                  "-servername", "localhost", "-quiet", "-no_ign_eof")


def gnutls(run, port, who="router", words=("--udp",), name="gnutls"):
    run.need("gnutls-cli")
    cert = [f"--x509certfile={who}.pem", f"--x509keyfile={who}.key"] if who else []
    return Client(run, name, "gnutls-cli", *words, *cert, "--x509cafile=ca.pem", "-p", port, "localhost")
