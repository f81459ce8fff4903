// SPDX-License-Identifier: BSD-2-Clause
// The gRPC helper of pmtelemetryd: takes the streams of routers that dial out and hands their messages, as they
// came, to the daemon that started it. All that is C++ is here; nothing is taken apart here. A child does the
// work; when it dies, another one takes its place.
//
//     pmacct-grpc FD ADDRESS:PORT STREAMS UID GID [FOLDER]
//
// FD: a SOCK_SEQPACKET socket (telemetry/grpc_wire.h). UID, GID: to become, -1: as started. FOLDER: of
// certificates, for TLS.
#include <arpa/inet.h>
#include <grp.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "telemetry/grpc_wire.h"

namespace {

enum { EXIT_REFUSED = 3, HANDSHAKE_MS = 10000, KEEPALIVE_MS = 60000, IDLE_MS = 600000 };
constexpr size_t kMemory = 256 << 20;  // of gRPC itself

struct Settings {
    int fd;
    std::string where, folder;
    unsigned streams;
};

// Services whose messages the daemon can take apart (telemetry/dialout.c).
bool known(const std::string &method) {
    static const char *const methods[] = {"/mdt_dialout.gRPCMdtDialout/MdtDialout", "/huawei_dialout.gRPCDataservice/dataPublish",
                                          "/gnmi.gNMIDialOut/Publish", "/Nokia.SROS.DialoutTelemetry/Publish"};
    for (const char *m : methods)
        if (method == m) return true;
    return false;
}

// "ipv4:192.0.2.1:5000", "ipv6:[2001:db8::1]:5000", perhaps with %5B and %5D.
void read_peer(std::string text, grpc_peer *out) {
    for (size_t at; (at = text.find("%5B")) != std::string::npos;) text.replace(at, 3, "[");
    for (size_t at; (at = text.find("%5D")) != std::string::npos;) text.replace(at, 3, "]");
    const size_t kind = text.find(':'), colon = text.rfind(':');
    if (kind == std::string::npos || colon <= kind) return;
    out->port = static_cast<uint16_t>(atoi(text.c_str() + colon + 1));
    std::string host = text.substr(kind + 1, colon - kind - 1);
    if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
    if (const size_t zone = host.find('%'); zone != std::string::npos) host.resize(zone);
    in_addr v4;
    if (inet_pton(AF_INET, host.c_str(), &v4) == 1) {
        out->addr[10] = out->addr[11] = 0xff;
        memcpy(out->addr + 12, &v4, 4);
    } else if (inet_pton(AF_INET6, host.c_str(), out->addr) != 1) {
        memset(out->addr, 0, sizeof(out->addr));
    }
}

// ---- what the daemon hears. While it takes nothing, this waits, and so do the streams: HTTP/2's windows fill.

class Link {
   public:
    explicit Link(int fd) : fd_(fd) {}

    void put(grpc_kind kind, uint32_t stream, const void *octets, size_t n, bool last) {
        const grpc_head head = {kind, stream, last};
        iovec part[2] = {{const_cast<grpc_head *>(&head), sizeof(head)}, {const_cast<void *>(octets), n}};
        msghdr m = {};
        m.msg_iov = part;
        m.msg_iovlen = n ? 2 : 1;
        while (sendmsg(fd_, &m, MSG_NOSIGNAL) == -1)
            if (errno != EINTR) _exit(0);  // the daemon is gone
    }

    // Waits for the daemon's next word; false: it is gone.
    bool get(grpc_head *head) const {
        ssize_t n;
        do n = recv(fd_, head, sizeof(*head), 0);
        while (n == -1 && errno == EINTR);
        return n == static_cast<ssize_t>(sizeof(*head));
    }

   private:
    int fd_;
};

// ---- streams

struct Stream {
    enum { WAITING, READING, ENDING } state = WAITING;
    uint32_t id = 0;
    bool told = false;  // the daemon knows of it
    grpc::GenericServerContext context;
    grpc::GenericServerAsyncReaderWriter calls{&context};
    grpc::ByteBuffer message;
};

class Server {
   public:
    Server(const Settings &s, Link *link) : settings_(s), link_(link) {}

    // Opens the port. False: it cannot be.
    bool open(std::string *why) {
        grpc::ServerBuilder builder;
        std::shared_ptr<grpc::ServerCredentials> credentials = grpc::InsecureServerCredentials();
        int port = 0;
        if (!settings_.folder.empty() && !(credentials = secured(why))) return false;
        grpc::ResourceQuota quota("pmacct-grpc");
        builder.SetResourceQuota(quota.Resize(kMemory));
        builder.SetMaxReceiveMessageSize(GRPC_MESSAGE_MAX);
        builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
        builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, HANDSHAKE_MS);
        builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, KEEPALIVE_MS);
        builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, IDLE_MS);
        builder.AddListeningPort(settings_.where, credentials, &port);
        builder.RegisterAsyncGenericService(&service_);
        queue_ = builder.AddCompletionQueue();
        server_ = builder.BuildAndStart();
        if (!server_ || !port) {
            *why = "cannot listen on " + settings_.where;
            return false;
        }
        return true;
    }

    void run() {
        void *tag;
        bool ok;
        wait_for_another();
        while (queue_->Next(&tag, &ok)) step(static_cast<Stream *>(tag), ok);
    }

    // From another thread: the daemon does not want it.
    void refuse(uint32_t id) {
        std::lock_guard<std::mutex> hold(lock_);
        auto it = streams_.find(id);
        if (it != streams_.end()) it->second->context.TryCancel();
    }

   private:
    static bool read_file(const std::string &path, std::string *out, std::string *why) {
        std::ifstream f(path);
        std::stringstream text;
        text << f.rdbuf();
        *out = text.str();
        if (!f || out->empty()) *why = "cannot read " + path;
        return why->empty();
    }

    std::shared_ptr<grpc::ServerCredentials> secured(std::string *why) const {
        grpc::SslServerCredentialsOptions o(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
        grpc::SslServerCredentialsOptions::PemKeyCertPair pair;
        if (!read_file(settings_.folder + "/key.pem", &pair.private_key, why) || !read_file(settings_.folder + "/cert.pem", &pair.cert_chain, why) ||
            !read_file(settings_.folder + "/ca-certificates.crt", &o.pem_root_certs, why))
            return nullptr;
        o.pem_key_cert_pairs.push_back(pair);
        return grpc::SslServerCredentials(o);
    }

    void wait_for_another() {
        auto *s = new Stream;
        service_.RequestCall(&s->context, &s->calls, queue_.get(), queue_.get(), s);
    }

    void end(Stream *s, const grpc::Status &status) {
        s->state = Stream::ENDING;
        if (s->told) {
            {
                std::lock_guard<std::mutex> hold(lock_);
                streams_.erase(s->id);
            }
            link_->put(GRPC_CLOSE, s->id, nullptr, 0, true);
        }
        s->calls.Finish(status, s);
    }

    void begin(Stream *s) {
        grpc_peer peer = {};
        const std::string &method = s->context.method();
        wait_for_another();
        if (!known(method)) {
            end(s, grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "dial-out of telemetry is what is taken here"));
            return;
        }
        if (streams_.size() >= settings_.streams) {
            end(s, grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "too many streams"));
            return;
        }
        read_peer(s->context.peer(), &peer);
        strncpy(peer.method, method.c_str(), sizeof(peer.method) - 1);
        s->id = ++last_;
        s->told = true;
        s->state = Stream::READING;
        {
            std::lock_guard<std::mutex> hold(lock_);
            streams_[s->id] = s;
        }
        link_->put(GRPC_OPEN, s->id, &peer, sizeof(peer), true);
        s->calls.Read(&s->message, s);
    }

    // A message in parts: slices as they are, none longer than a frame holds.
    void hand_on(const Stream *s) {
        std::vector<grpc::Slice> slices;
        if (!s->message.Dump(&slices).ok()) return;
        size_t left = s->message.Length();
        if (!left) link_->put(GRPC_DATA, s->id, nullptr, 0, true);
        for (const grpc::Slice &slice : slices)
            for (size_t at = 0, n; at < slice.size(); at += n) {
                n = std::min<size_t>(slice.size() - at, GRPC_PART);
                left -= n;
                link_->put(GRPC_DATA, s->id, slice.begin() + at, n, left == 0);
            }
    }

    void step(Stream *s, bool ok) {
        if (s->state == Stream::ENDING || (s->state == Stream::WAITING && !ok)) {
            delete s;
        } else if (s->state == Stream::WAITING) {
            begin(s);
        } else if (!ok) {
            end(s, grpc::Status::OK);
        } else {
            hand_on(s);
            s->message.Clear();
            s->calls.Read(&s->message, s);
        }
    }

    const Settings &settings_;
    Link *link_;
    grpc::AsyncGenericService service_;
    std::unique_ptr<grpc::ServerCompletionQueue> queue_;
    std::unique_ptr<grpc::Server> server_;
    std::mutex lock_;  // of streams_: refuse() looks from another thread
    std::unordered_map<uint32_t, Stream *> streams_;
    uint32_t last_ = 0;
};

// ---- processes

int serve(const Settings &s) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    Link link(s.fd);
    Server server(s, &link);
    std::string why;
    if (!server.open(&why)) {
        link.put(GRPC_FAILED, 0, why.data(), why.size(), true);
        return EXIT_REFUSED;
    }
    link.put(GRPC_READY, 0, nullptr, 0, true);
    std::thread listener([&] {
        grpc_head head;
        while (link.get(&head))
            if (head.kind == GRPC_REFUSE) server.refuse(head.stream);
        _exit(0);
    });
    server.run();
    _exit(1);
}

bool become(long uid, long gid) {
    if (gid >= 0 && (setgroups(0, nullptr) == -1 || setgid(static_cast<gid_t>(gid)) == -1)) return false;
    if (uid >= 0 && setuid(static_cast<uid_t>(uid)) == -1) return false;
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

}  // namespace

int main(int argc, char **argv) {
    if (argc < 6) return EXIT_REFUSED;
    const Settings s = {atoi(argv[1]), argv[2], argc > 6 ? argv[6] : "", static_cast<unsigned>(atoi(argv[3]))};
    for (int number : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2}) signal(number, SIG_IGN);  // the daemon ends it by closing the socket
    if (!become(atol(argv[4]), atol(argv[5]))) {
        static const char why[] = "cannot become the user of the key user";
        Link(s.fd).put(GRPC_FAILED, 0, why, sizeof(why) - 1, true);
        return EXIT_REFUSED;
    }
    for (unsigned wait_s = 1;; wait_s = std::min(wait_s * 2, 30u)) {
        const pid_t child = fork();
        if (child == 0) _exit(serve(s));
        int status = 0;
        while (waitpid(child, &status, 0) == -1 && errno == EINTR) {
        }
        if (WIFEXITED(status)) return WEXITSTATUS(status);
        sleep(wait_s);
    }
}
