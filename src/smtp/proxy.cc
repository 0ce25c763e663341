// What a host in front says about the client: before the client says anything (PROXY), or
// as a client itself (XCLIENT).
#include <array>

#include "src/base/text.h"
#include "src/smtp/counted.h"
#include "src/smtp/dialogue.h"
#include "src/smtp/proxy_header.h"
#include "src/smtp/xclient.h"

namespace signet::smtp {
namespace {

struct Trouble {
  std::string why;  // "" where the peer went without a word: a health check
  bool cancelled = false;
};

// Octet by octet where it has to be: what comes behind the header is the client's, and
// may be a TLS handshake.
Result<ProxyHeader, Trouble> ReadHeader(tls::Stream& stream, Deadline deadline) {
  engine::IdleScope idle;
  std::string octets;
  std::array<char, 512> part;
  while (const std::size_t wanted = ProxyOctetsWanted(octets)) {
    const engine::IoResult result =
        stream.Read(part.data(), std::min(part.size(), wanted), deadline);
    if (result.status == engine::IoStatus::kClosed && octets.empty()) return Err{Trouble{}};
    if (!result.ok())
      return Err{Trouble{engine::Describe(result), result.status == engine::IoStatus::kCancelled}};
    octets.append(part.data(), result.bytes);
  }
  Result<ProxyHeader, std::string> header = ParseProxyHeader(octets);
  if (!header) return Err{Trouble{header.error(), false}};
  return std::move(header).value();
}

void Replace(facts::Connection& connection, ProxyHeader header) {
  connection.proxy_tlvs = std::move(header.tlvs);
  if (!header.told) return;
  connection.proxied = true;
  connection.proxy_ip = std::exchange(connection.client_ip, std::move(header.client_ip));
  connection.proxy_port = std::exchange(connection.client_port, header.client_port);
  connection.socket_ip = std::exchange(connection.local_ip, std::move(header.local_ip));
  connection.socket_port = std::exchange(connection.local_port, header.local_port);
}

// Counts the connection for its client from now on (rule R3). The reply where there are too
// many of it, as who counts connections at the door says it.
std::optional<Reply> TooMany(Dialogue& dialogue) {
  const facts::Connection& connection = dialogue.session().connection;
  if (!dialogue.context.admit_told || dialogue.context.admit_told(connection)) return std::nullopt;
  dialogue.context.log->Main("Connection from [" + connection.client_ip +
                             "] refused: too many connections from that IP address");
  CountRefusedConnection(dialogue, "too_many_from_source");
  dialogue.ending = "closed: too many connections";
  return MakeClosingReply(
      421, "",
      "Too many concurrent SMTP connections from this IP address; please try again later.");
}

// --- XCLIENT -----------------------------------------------------------------------------

// Who the connection comes from, whatever has been told since.
const std::string& SocketPeer(const facts::Connection& connection) {
  return connection.proxy_ip.empty() ? connection.client_ip : connection.proxy_ip;
}

bool PeerIn(Dialogue& dialogue, const config::Expanded& hosts, std::string_view option) {
  const Result<bool, Failure> matched =
      dialogue.HostIn(hosts, SocketPeer(dialogue.session().connection));
  if (matched) return matched.value();
  dialogue.context.log->Panic("cannot evaluate " + std::string(option) + ": " +
                              matched.error().text);
  return false;
}

// The front may say it all in one command or in several; with an address, another client
// begins, of whom nothing of the last one may be true (rule I15).
void TakeOver(facts::Session& session, const Xclient& said) {
  facts::Connection& connection = session.connection;
  if (connection.proxy_ip.empty()) {
    connection.proxy_ip = connection.client_ip;
    connection.proxy_port = connection.client_port;
    connection.socket_ip = connection.local_ip;
    connection.socket_port = connection.local_port;
  }
  if (said.addr) {
    connection.client_ip = *said.addr;
    connection.client_port = 0;
    session.host_name.clear();
  }
  if (said.port) connection.client_port = *said.port;
  if (said.destaddr) connection.local_ip = *said.destaddr;
  if (said.destport) connection.local_port = *said.destport;
  if (said.name) session.host_name = *said.name;
  session.host_lookup =
      session.host_name.empty() ? facts::HostLookup::kNotDone : facts::HostLookup::kFound;
  session.helo_verified = false;
  session.helo.clear();
}

void LogIn(facts::Session& session, const Xclient& said, bool first) {
  const facts::Auth before = std::exchange(session.auth, {});
  // Of the front itself, or of another client, is no identity of this one.
  if (!first && !said.addr && !said.login) session.auth = before;
  if (!said.login || said.login->empty()) return;
  session.auth.result = facts::AuthResult::kAuthenticated;
  session.auth.authenticator = session.auth.public_name = kXclientAuthenticator;
  session.auth.id = *said.login;
  session.auth.id_origins = kFromClient;
}

}  // namespace

bool ReadProxyHeader(Dialogue& dialogue) {
  const config::Main& main = dialogue.config.main;
  facts::Session& session = dialogue.session();
  Log& log = *dialogue.context.log;
  if (dialogue.context.pretence != nullptr) return true;  // it is what it says it is
  const Result<bool, Failure> proxy = dialogue.ClientIn(main.hosts_proxy);
  if (!proxy) {
    log.Panic("cannot evaluate hosts_proxy: " + proxy.error().text);
    dialogue.ending = "closed after a local problem";
    return false;  // without a word: whether one may be said is what is not known
  }
  if (!proxy.value()) return true;
  dialogue.behind_proxy = true;
  Result<ProxyHeader, Trouble> header =
      ReadHeader(*dialogue.stream, Deadline::After(main.proxy_protocol_timeout));
  if (!header) {
    const Trouble& trouble = header.error();
    if (!trouble.why.empty() && !trouble.cancelled)
      log.MainAndReject(DroppedLine(session, dialogue.selector, "PROXY header: " + trouble.why));
    dialogue.ending = trouble.cancelled ? "closed after SIGTERM" : "closed: no PROXY header";
    return false;
  }
  Replace(session.connection, std::move(header).value());
  if (!session.connection.proxied) return true;
  const std::optional<Reply> refusal = TooMany(dialogue);
  if (refusal && !session.connection.tls_on_connect) dialogue.Send(*refusal);
  return !refusal;
}

bool MayXclient(Dialogue& dialogue) {
  // Behind a load balancer the peer is in front of everybody (rule S15).
  const config::Main& main = dialogue.config.main;
  return !dialogue.behind_proxy && main.hosts_xclient &&
         PeerIn(dialogue, main.hosts_xclient, "hosts_xclient");
}

bool MayXclientLogin(Dialogue& dialogue) {
  const config::Main& main = dialogue.config.main;
  return main.hosts_xclient_login &&
         PeerIn(dialogue, main.hosts_xclient_login, "hosts_xclient_login");
}

// All of it or nothing (rule S15): it is parsed whole before anything changes.
Answer RunXclient(Dialogue& dialogue, const Command& command) {
  const XclientLogin login = MayXclientLogin(dialogue) ? XclientLogin::kYes : XclientLogin::kNo;
  Result<Xclient, Reply> parsed = ParseXclient(command.argument, login);
  if (!parsed) return {std::move(parsed).error(), Fault::kSyntax};
  if (++dialogue.xclients > limits::kXclientsMax)
    return MakeClosingReply(421, "4.7.0", "Too many clients in this connection");
  const Xclient& said = parsed.value();
  facts::Session& session = dialogue.session();
  TakeOver(session, said);
  LogIn(session, said, dialogue.xclients == 1);
  const std::string id = session.auth.id.empty() ? "" : " A=xclient:" + Printable(session.auth.id);
  dialogue.context.log->Main(
      HostEvent("xclient", "XCLIENT from [" + SocketPeer(session.connection) + "]: ", session,
                dialogue.selector, id));
  if (said.addr)
    if (std::optional<Reply> refusal = TooMany(dialogue)) return *refusal;
  return dialogue.BeginAgain();
}

}  // namespace signet::smtp
