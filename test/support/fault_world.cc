#include "test/support/fault_world.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <stdexcept>

#include "test/support/mail_peer.h"
#include "test/support/recording_sink.h"

namespace signet::test {
namespace {

namespace fs = std::filesystem;

// Devices are known by their certificate alone; everybody else has to be in the directory,
// under that very name (rule I10).
constexpr const char* kConfiguration = R"(
primary_hostname = mx.example.org
local_interfaces = 127.0.0.1
daemon_smtp_ports = @PORT@
tls_certificate = @SERVER@
tls_privatekey = @KEY@
tls_verify_certificates = @ROOT@
tls_try_verify_hosts = *
smtp_accept_max_per_host = 1000
acl_smtp_mail = check_mail
acl_smtp_rcpt = check_rcpt
@MAIN@
begin acl
check_mail:
  deny    senders = @WHO@
          authenticated = *
          message = identity=[$authenticated_id]
  deny    senders = @WHO@
          !authenticated = *
          message = identity=[]
  accept
check_rcpt:
  accept  authenticated = *
          add_header = X-Identity: $authenticated_id
  deny    message = sending needs an identity
hold:
  accept  add_header = X-Held: yes
counted:
  defer   ratelimit = 100000 / 1h / per_mail / all
  accept
begin authenticators
tls:
  driver = tls
  server_param1 = ${certextract{subj_altname,mail,>:}{$tls_in_peercert}}
  server_condition = ${if and{ {={1}{${listcount:$auth1}}} \
      {or{ {match{$auth1}{\N^device-\N}} \
           {eqi{$auth1}{${lookup ldap{NETTIME=2 ldap:///mailname=${quote_ldap_dn:${lc:$auth1}},\
              ou=users,dc=example,dc=org?mailname}{$value}{}}}} }} }}
  server_set_id = $auth1
begin routers
box:
  driver = accept
  domains = box.example
  transport = to_box
faulty:
  driver = manualroute
  domains = faulty.example
  route_list = * @HOST@::@FAULTY@
  transport = to_faulty
net:
  driver = manualroute
  route_list = * 127.0.0.1::@SINK@
  transport = to_net
begin transports
to_box:
  driver = appendfile
  maildir_format
  directory = @MAIL@/box
to_faulty:
  driver = smtp
  connect_timeout = 2s
  command_timeout = 2s
  data_timeout = 2s
  final_timeout = 2s
@TRANSPORT@
to_net:
  driver = smtp
  connection_idle_timeout = 1s
  connect_timeout = 3s
  command_timeout = 4s
  data_timeout = 4s
  final_timeout = 4s
  xclient = login
)";

testing::CertificateSpec SpecFor(const std::string& mail) {
  testing::CertificateSpec spec = testing::ClientSpec(mail);
  spec.alternative_names = {testing::MailName(mail)};
  return spec;
}

const Authority& Strangers() {
  static Authority authority("Stranger", 7);
  static const bool made = [] {
    authority.Issue("stranger", SpecFor("alice@example.org"));
    return true;
  }();
  (void)made;
  return authority;
}

std::string LastLines(const std::string& text, std::size_t bytes = 3000) {
  return text.size() > bytes ? text.substr(text.size() - bytes) : text;
}

// The text between `before` and the next one of `ends`; "" where there is none.
std::string Between(const std::string& text, const std::string& before, const char* ends) {
  const std::size_t at = text.find(before);
  if (at == text.npos) return "";
  const std::size_t begin = at + before.size();
  return text.substr(begin, text.find_first_of(ends, begin) - begin);
}

bool HasThread(pid_t pid, const std::string& name) {
  std::error_code gone;
  for (const auto& task : fs::directory_iterator("/proc/" + std::to_string(pid) + "/task", gone))
    if (ReadFile(task.path().string() + "/comm").starts_with(name)) return true;
  return false;
}

// Of "pid (name) state parent …".
pid_t ParentOf(const std::string& pid) {
  const std::string stat = ReadFile("/proc/" + pid + "/stat");
  const std::size_t end = stat.rfind(") ");
  return end == stat.npos || stat.size() < end + 5 ? 0 : std::atoi(stat.c_str() + end + 4);
}

}  // namespace

const Authority& FaultWorld::Ours() {
  static Authority authority("Faults", 6);
  static const bool made = [] {
    for (const char* name : {"alice", "bob", "device-1", "device-2", "carol"})
      authority.Issue(name, SpecFor(std::string(name) + "@example.org"));
    testing::CertificateSpec expired = SpecFor("alice@example.org");
    expired.not_after = testing::kYear2020 + 366 * 86'400;
    authority.Issue("expired", expired);
    return true;
  }();
  (void)made;
  return authority;
}

std::vector<Visitor> FaultWorld::Visitors() const {
  const auto ours = [](const char* kind, const std::string& name, bool known) {
    return Visitor{kind, name, known ? name + "@example.org" : "", Ours().pem(name),
                   Ours().key(name)};
  };
  return {ours("directory", "alice", true),
          ours("device", "device-1", true),
          ours("unknown", "carol", false),
          ours("directory", "bob", true),
          ours("device", "device-2", true),
          ours("nobody", "expired", false),
          {"nobody", "stranger", "", Strangers().pem("stranger"), Strangers().key("stranger")},
          {"nobody", "bare", "", "", ""}};
}

Visitor FaultWorld::FindVisitor(const std::string& name) const {
  for (const Visitor& visitor : Visitors())
    if (visitor.name == name) return visitor;
  throw std::runtime_error("no visitor " + name);
}

FaultWorld::FaultWorld(Options options)
    : options_(std::move(options)),
      port_(FreePort()),
      sink_port_(FreePort()),
      config_file_(directory_ / "signet.conf") {
  for (const char* part : {"mail", "sink"}) fs::create_directory(directory_ / part);
  testing::WriteFile(file("server.pem"), ReadFile(Ours().pem("server")));
  testing::WriteFile(file("server.key"), ReadFile(Ours().key("server")));
  testing::WriteFile(file("root.pem"), ReadFile(Ours().root()));
  testing::WriteFile(file("crl.pem"), RevocationList(options_.list_ends));
  WriteFile(config_file_, Configuration());
  StartSink();
  StartGateway();
  if (options_.with_load) StartLoad();
}

FaultWorld::~FaultWorld() = default;

std::string FaultWorld::Configuration() const {
  std::string text = Replace(kConfiguration, "@PORT@", std::to_string(port_));
  std::string more = options_.main_options;
  if (!options_.ldap_servers.empty()) more += "\nldap_default_servers = " + options_.ldap_servers;
  if (!options_.log_path.empty()) more += "\nlog_file_path = " + options_.log_path;
  const std::string mail =
      options_.mail_directory.empty() ? directory_ / "mail" : options_.mail_directory;
  for (const auto& [from, to] : std::initializer_list<std::pair<const char*, std::string>>{
           {"@MAIN@", more},
           {"@SERVER@", file("server.pem")},
           {"@KEY@", file("server.key")},
           {"@ROOT@", file("root.pem")},
           {"@WHO@", Load::kWhoAmI},
           {"@HOST@", options_.faulty_host},
           {"@FAULTY@", std::to_string(options_.faulty_port != 0 ? options_.faulty_port : 9)},
           {"@SINK@", std::to_string(sink_port_)},
           {"@TRANSPORT@", options_.transport},
           {"@MAIL@", mail}})
    text = Replace(text, from, to);
  return Replace(text, "@DIRECTORY@", directory_.path()) + options_.sections;
}

void FaultWorld::StartSink() {
  sink_.reset();
  sink_ = std::make_unique<Process>(
      std::vector<std::string>{fs::read_symlink("/proc/self/exe").string(), "--sink",
                               std::to_string(sink_port_), directory_ / "sink"});
  if (!WaitUntil([this] { return SomebodyListens(sink_port_) || !sink_->running(); }) ||
      !sink_->running())
    throw std::runtime_error("the mail server did not start: " + sink_->Output());
}

// Its files, with the certificates and keys, are given to that user.
void FaultWorld::BecomeNobodys(std::vector<std::string>* command) const {
  constexpr uid_t kNobody = 65534;
  for (const std::string& top :
       {directory_.path(), Ours().root().substr(0, Ours().root().rfind('/'))}) {
    (void)!chown(top.c_str(), kNobody, kNobody);
    for (const auto& entry : fs::recursive_directory_iterator(top))
      (void)!chown(entry.path().c_str(), kNobody, kNobody);
  }
  const std::string id = std::to_string(kNobody);
  command->insert(command->begin(),
                  {"setpriv", "--reuid", id, "--regid", id, "--clear-groups", "--"});
}

std::uint64_t FaultWorld::SetLimit(int resource, std::uint64_t value) const {
  rlimit before{};
  const auto which = static_cast<__rlimit_resource>(resource);
  if (prlimit(serving_pid(), which, nullptr, &before) != 0) throw std::runtime_error("prlimit");
  const rlimit now{value, before.rlim_max};
  if (prlimit(serving_pid(), which, &now, nullptr) != 0) throw std::runtime_error("prlimit");
  return before.rlim_cur;
}

void FaultWorld::StartGateway() {
  gateway_.reset();
  std::vector<std::string> command = options_.wrapper;
  for (const std::string& word :
       {SignetProgram(), std::string("serve"), std::string("-C"), config_file_})
    command.push_back(word);
  if (options_.as_nobody && getuid() == 0) BecomeNobodys(&command);
  gateway_ = std::make_unique<Process>(
      command,
      Process::Options{.environment = options_.environment, .output_file = directory_ / "stderr"});
  if (!WaitUntil([this] { return !gateway_->running() || SomebodyListens(port_); }) ||
      !gateway_->running())
    throw std::runtime_error("signet did not start: " + gateway_->Output() + "\nwith:\n" +
                             ReadFile(config_file_));
  first_pid_ = 0;
}

void FaultWorld::StartLoad() {
  Load::Options load;
  load.port = port_;
  for (const Visitor& visitor : Visitors())
    if (!options_.ldap_servers.empty() || visitor.kind == "device" || visitor.kind == "nobody")
      load.visitors.push_back(visitor);
  load.routes = {{"net", "net.example"}, {"box", "box.example"}};
  // Every other message goes where something is going to happen.
  if (options_.faulty_port != 0)
    load.routes = {
        load.routes[0], {"faulty", "faulty.example"}, load.routes[1], {"faulty", "faulty.example"}};
  load.clients = options_.clients;
  load_ = std::make_unique<Load>(load);
  if (const std::string missing = load_->WaitUntilWell(seconds(40)); !missing.empty())
    throw std::runtime_error("not well before any fault: " + missing + load_->Of("", {}).Text() +
                             "\n" + LastLines(Log()));
  first_pid_ = serving_pid();
}

// Its own process and those that come from it.
std::vector<pid_t> FaultWorld::Processes() const {
  std::vector<pid_t> found = {gateway_->pid()};
  for (std::size_t i = 0; i < found.size(); ++i) {
    std::error_code gone;
    for (const auto& entry : fs::directory_iterator("/proc", gone)) {
      const std::string name = entry.path().filename().string();
      if (name[0] >= '0' && name[0] <= '9' && ParentOf(name) == found[i])
        found.push_back(std::atoi(name.c_str()));
    }
  }
  return found;
}

pid_t FaultWorld::serving_pid() const {
  for (const pid_t pid : Processes())
    if (HasThread(pid, "worker 1")) return pid;
  return 0;
}

pid_t FaultWorld::key_pid() const {
  for (const pid_t pid : Processes())
    if (ReadFile("/proc/" + std::to_string(pid) + "/comm").starts_with("signet-keys")) return pid;
  return 0;
}

std::string FaultWorld::RevocationList(std::int64_t next_update) {
  testing::CrlSpec spec;
  spec.next_update = next_update;
  return testing::PemBlock("X509 CRL", testing::MakeCrl(spec, Ours().intermediate()));
}

long FaultWorld::ResidentKib() const {
  return std::atol(
      Between(ReadFile("/proc/" + std::to_string(serving_pid()) + "/status"), "VmRSS:", "k")
          .c_str());
}

int FaultWorld::Descriptors() const {
  std::error_code gone;
  int count = 0;
  for (const auto& entry :
       fs::directory_iterator("/proc/" + std::to_string(serving_pid()) + "/fd", gone)) {
    (void)entry;
    ++count;
  }
  return count;
}

std::string FaultWorld::Log() const {
  std::string log = gateway_->Output();
  if (!options_.log_path.empty()) log += ReadFile(Replace(options_.log_path, "%s", "main"));
  return log;
}

bool FaultWorld::WaitForLog(std::string_view text, milliseconds limit) const {
  return WaitUntil([&] { return Log().find(text) != std::string::npos; }, limit);
}

SmtpClient FaultWorld::Client(const std::string& name) const {
  const Visitor visitor = FindVisitor(name);
  SmtpClient client(port_);
  client.Begin(visitor.pem, visitor.key);
  return client;
}

// --- judging ---------------------------------------------------------------------------------

std::vector<FaultWorld::Stored> FaultWorld::Everything() const {
  std::vector<Stored> all;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(directory_ / "sink/accepted", none)) {
    const std::string text = ReadFile(entry.path().string());
    all.push_back({text.substr(text.find("\n\n") + 2),
                   Between(text.substr(0, text.find("\n\n")), "XCLIENT LOGIN=", " \n"), true});
  }
  const std::string mail =
      options_.mail_directory.empty() ? directory_ / "mail" : options_.mail_directory;
  for (const std::string& message : MaildirMessages(mail))
    all.push_back({Replace(message, "\n", "\r\n"), "", false});
  if (options_.faulty_messages)
    for (std::string& message : options_.faulty_messages())
      all.push_back({std::move(message), "", false});
  return all;
}

// A server with a queue has a message before it is where it is looked for.
void FaultWorld::AwaitFaulty(const std::map<int, Load::Offer>& offers) const {
  if (!options_.faulty_messages) return;
  std::set<int> missing;
  for (const auto& [id, offer] : offers)
    if (offer.route == "faulty" && offer.code == 250) missing.insert(id);
  (void)WaitUntil([&] {
    for (const std::string& message : options_.faulty_messages())
      missing.erase(std::atoi(Between(message, "\r\nSubject: ", "\r").c_str()));
    return missing.empty();
  });
}

// Each message that is there is whole, is that of somebody who may send, and says whose it is.
void FaultWorld::JudgeStored(const std::map<int, Load::Offer>& offers, std::map<int, int>* copies,
                             std::string* wrong) const {
  for (const Stored& stored : Everything()) {
    const int id = std::atoi(Between(stored.message, "\r\nSubject: ", "\r").c_str());
    const std::string name = "message " + std::to_string(id);
    const auto offer = offers.find(id);
    const std::size_t body = stored.message.find("\r\n\r\n");
    if (offer == offers.end() || body == stored.message.npos ||
        stored.message.substr(body + 4) != Load::Body(id)) {
      *wrong += name + " is there and is not whole\n";
      continue;
    }
    ++(*copies)[id];
    const std::string& identity = offer->second.identity;
    if (identity.empty()) *wrong += name + " is there, of " + offer->second.visitor + "\n";
    const std::string header = Between(stored.message, "\r\nX-Identity: ", "\r");
    if (header != identity)
      *wrong += name + " has X-Identity " + header + ", not " + identity + "\n";
    if (stored.by_sink && stored.told != identity)
      *wrong += name + " went upstream as of " + stored.told + ", not " + identity + "\n";
  }
}

// "… <= SENDER H=… A=tls:IDENTITY … id=NUMBER@load.example"
void FaultWorld::JudgeLog(const std::map<int, Load::Offer>& offers, std::string* wrong) {
  const std::string log = Log();
  for (std::size_t at = 0; at < log.size();) {
    const std::size_t end = std::min(log.find('\n', at), log.size());
    const std::string line = log.substr(at, end - at);
    at = end + 1;
    for (const char* bad :
         {"check failed", "AddressSanitizer", "runtime error:", "WARNING: Thread"})
      if (line.find(bad) != line.npos) *wrong += line + "\n";
    if (line.find(" <= ") == line.npos) continue;
    const auto offer = offers.find(std::atoi(Between(line, " id=", "@").c_str()));
    if (offer == offers.end()) continue;
    ++counts_.identities;
    const std::string identity = Between(line, " A=tls:", " ");
    if (identity != offer->second.identity)
      *wrong += "the log says " + identity + ", not " + offer->second.identity + ": " + line + "\n";
  }
}

std::string FaultWorld::Judge(Lived lived) {
  load_->Stop();
  std::string wrong;
  for (const std::string& identity : load_->wrong_identities()) wrong += identity + "\n";
  // The gateway may be writing still what its client has gone away from.
  (void)gateway_->SettledOutput();
  const std::map<int, Load::Offer> offers = load_->offers();
  AwaitFaulty(offers);
  std::map<int, int> copies;
  JudgeStored(offers, &copies, &wrong);
  JudgeLog(offers, &wrong);
  for (const auto& [id, offer] : offers) {
    ++counts_.offered;
    const int there = copies.count(id) != 0 ? copies[id] : 0;
    counts_.duplicates += std::max(0, there - 1);
    if (offer.code != 250) {
      counts_.unacknowledged += there;
      continue;
    }
    ++counts_.acknowledged;
    if (there > 0) continue;
    ++counts_.lost;
    wrong += "message " + std::to_string(id) + " to " + offer.route + " got 250 and is lost\n";
  }
  if (counts_.acknowledged < 10) wrong += "too few messages to prove anything\n";
  if (const std::string bad = ReadFile(directory_ / "sink/violations"); !bad.empty())
    wrong += "the mail server behind has seen: " + bad;
  if (!gateway_->running()) wrong += "the gateway has ended\n";
  if (lived == Lived::kYes && serving_pid() != first_pid_) wrong += "the gateway was replaced\n";
  if (!wrong.empty()) wrong += "--- log ---\n" + LastLines(Log());
  return wrong;
}

bool RunAsSink(int argc, char** argv) {
  if (argc != 4 || std::string(argv[1]) != "--sink") return false;
  RecordingSink sink;
  sink.port = std::atoi(argv[2]);
  sink.directory = argv[3];
  sink.xclient = true;
  sink.Run();
}

}  // namespace signet::test
