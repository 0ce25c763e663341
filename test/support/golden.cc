#include "test/support/golden.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <ostream>
#include <sstream>

#include "expand/expand.h"
#include "expand/table.h"
#include "src/base/codec.h"
#include "src/base/text.h"
#include "test/support/fake_world.h"

namespace signet::test {
namespace {

bool IsExpectation(std::string_view key) {
  return key == "result" || key == "error" || key == "fails" || key == "warning";
}

std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string Unescaped(std::string_view text) {
  std::string octets;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      octets += text[i];
      continue;
    }
    char c = text[++i];
    if (c == 'x' && i + 2 < text.size() + 0 && DecodeHex(text.substr(i + 1, 2)).has_value()) {
      octets += *DecodeHex(text.substr(i + 1, 2));
      i += 2;
    } else {
      octets += c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
    }
  }
  return octets;
}

facts::Phase PhaseNamed(std::string_view name) {
  constexpr std::pair<std::string_view, facts::Phase> kPhases[] = {
      {"load", facts::Phase::kLoad},         {"connect", facts::Phase::kConnect},
      {"helo", facts::Phase::kHelo},         {"auth", facts::Phase::kAuth},
      {"mail", facts::Phase::kMail},         {"rcpt", facts::Phase::kRcpt},
      {"delivery", facts::Phase::kDelivery}, {"quit", facts::Phase::kQuit}};
  for (const auto& [n, phase] : kPhases)
    if (n == name) return phase;
  return facts::Phase::kData;
}

// A submission by an authenticated client, at its first recipient.
void FillSession(facts::Session* s) {
  s->primary_hostname = "gw.example.net";
  s->active_hostname = "submit.example.net";
  s->connection.client_ip = "192.0.2.7";
  s->connection.client_port = 40000;
  s->connection.local_ip = "192.0.2.1";
  s->connection.local_port = 587;
  s->host_name = "client.one.test";
  s->tls.active = true;
  s->tls.version = "TLS1.3";
  s->tls.cipher = "TLS1.3:ECDHE_X25519__ECDSA_SECP256R1_SHA256__AES_256_GCM:256";
  s->tls.cipher_std = "TLS_AES_256_GCM_SHA384";
  s->tls.bits = 256;
  s->tls.sni = "mx.example.net";
  s->tls.resumption = 1;
  s->auth.result = facts::AuthResult::kAuthenticated;
  s->auth.authenticator = "tls";
  s->auth.id = "ann@one.test";
  s->auth.id_origins = kFromCertificate;
  s->auth.fail_id = "bob@one.test";
  s->helo = "client.one.test";
  s->upstream.name = "mta.example.net";
  s->upstream.ip = "198.51.100.25";
  s->upstream.port = 25;
  s->upstream.tls.version = "TLS1.2";
  s->upstream.tls.cipher = "TLS1.2:ECDHE_SECP256R1__ECDSA_SHA256__AES_128_GCM:128";
  s->upstream.tls.cipher_std = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256";
  s->upstream.tls.bits = 128;
  s->upstream.tls.sni = "mta.example.net";
  s->esmtp = true;
  s->smtp_command = "RCPT TO:<Bob@two.test>";
  s->smtp_command_argument = "TO:<Bob@two.test>";
  s->acl_verify_message = "no such user";
  facts::Envelope& e = s->envelope;
  e.has_sender = true;
  e.sender = "Ann@One.Test";
  e.sender_local_part = "Ann";
  e.sender_domain = "One.Test";
  e.authenticated_sender = "ann@one.test";
  e.current = {"Bob@two.test", "Bob", "two.test"};
  e.recipients = {{"x@two.test", "x", "two.test"}};
  e.message_id = "1xUPkM-000000007Kz-0geD";
  e.declared_size = 1000;
  e.recipients_asked = 4;
  e.recipients_refused = 2;
  e.recipients_deferred = 1;
  e.received = std::chrono::system_clock::from_time_t(1795184800);
  e.message_lines = 12;
  e.body_lines = 5;
  e.body_size = 120;
  e.max_line_length = 71;
  e.body_start = "Hello Bob,";
  e.body_end = "Bye.";
  e.added_headers = {{"X-One: 1"}, {"X-Two: 2"}};
  e.sender_data = Value("staff", kFromDirectory);
  e.recipient_data = Value("closed");
  e.domain_data = Value("*.test");
  e.local_part_data = Value("bob");
  s->host_data = Value("office", kFromDirectory);
  s->sender_rate = "7.5";
  s->sender_rate_limit = "7";
  s->sender_rate_period = "1h";
  s->acl_c["acl_c_seen"] = Value("yes");
  s->acl_m["acl_m0"] = Value("hello");
  s->acl_args = {Value("first"), Value("second")};
  s->auth_vars[0] = Value("parameter");
  s->auth_matched = Value("ann@one.test", kFromCertificate);
  s->auth_pinned = Value("laptop");
}

// The same behind a load balancer that says who its client is.
void FillProxy(facts::Session* s) {
  facts::Connection& c = s->connection;
  s->notquit_reason = "command-timeout";
  c.proxied = true;
  c.proxy_ip = "10.0.0.5";
  c.proxy_port = 50000;
  c.socket_ip = "10.0.0.1";
  c.socket_port = 2587;
  c.proxy_tlvs = {{0x01, "smtp"},
                  {0x02, "mx.example.net"},
                  {0x20, std::string("\x07\0\0\0\0", 5)},
                  {0x21, "TLSv1.3"},
                  {0x22, "ann"},
                  {0xe0, "rack 4"}};
}

// The world of one case, and what it gives in it.
class Run {
 public:
  explicit Run(const GoldenCase& golden)
      : golden_(golden), text_("golden", std::string(golden.Find("expand"))) {
    session_.primary_hostname = "gw.example.net";
    session_.active_hostname = "gw.example.net";
    names_.AddList("domainlist", "d_local", "one.test : *.two.test : !three.test : +d_extra");
    names_.AddList("domainlist", "d_extra", "<; four.test ; five:colon");
    names_.AddList("hostlist", "h_lan", "10.0.0.0/8 : 192.0.2.1");
    names_.AddList("addresslist", "a_vip", "joe@one.test : *@two.test");
    names_.AddList("localpartlist", "l_staff", "alice : bob");
    services_.known = &names_;
    for (const auto& [key, value] : golden.lines) Apply(key, value);
    program_ = expand::Compile(text_.whole(), phase_, names_, &diagnostics_, reading_);
  }

  // With its code where all checks are made.
  std::string Said(const Diagnostic& d) const {
    if (reading_ == expand::Reading::kConfiguration) return Summary(d);
    return d.message + (d.hint.empty() ? "" : "; " + d.hint);
  }

  void Trace(facts::Trace* trace) { session_.trace = trace; }

  std::string Result() {
    std::string text;
    for (const Diagnostic& d : diagnostics_) {
      SourceLocation at = d.span.text->Locate(d.span);
      if (d.severity == Severity::kWarning || program_ == nullptr)
        text += std::string(d.severity == Severity::kError ? "error   " : "warning ") +
                std::to_string(at.line) + ":" + std::to_string(at.column) + ": " +
                Escaped(Said(d)) + "\n";
    }
    if (program_ == nullptr) return text;
    expand::Budget budget;
    auto outcome = expand::Evaluate(*program_, session_, services_, budget);
    if (outcome.ok()) {
      std::string result = Escaped(outcome.value().text);
      return text + (result.empty() ? "result\n" : "result  " + result + "\n");
    }
    const Failure& f = outcome.error();
    std::string_view kind = f.kind == FailureKind::kForced      ? "forced"
                            : f.kind == FailureKind::kTemporary ? "temporary"
                                                                : "permanent";
    return text + "fails   " + std::string(kind) + ": " + Escaped(f.text) + "\n";
  }

  std::string Dumped() const { return program_ != nullptr ? expand::Dump(*program_) : ""; }

 private:
  void Apply(std::string_view key, std::string_view value) {
    std::size_t equals = value.rfind(" = ");
    if (key == "set" || key == "element") equals = value.find(" =");
    std::string name(value.substr(0, equals));
    std::string text;
    if (equals != std::string_view::npos && value.size() > equals + 3)
      text = Unescaped(value.substr(equals + 3));
    if (key == "set") session_.overrides[name] = Value(text, OriginsOf(name));
    if (key == "element") AddElement(name, text);
    if (key == "session") FillSession(&session_);
    if (key == "header") AddField(Unescaped(value));
    if (key == "session" && value == "proxied") FillProxy(&session_);
    if (key == "phase") phase_ = PhaseNamed(value);
    if (key == "read" && value == "configuration") reading_ = expand::Reading::kConfiguration;
    if (key == "acl") AddAcl(name, text);
    if (key == "env") services_.environment[name] = text;
    if (key == "lookup") services_.answers[name] = Answer(text);
    if (key == "file") services_.files[name] = text;
    if (key == "tls") {
      session_.tls.active = true;
      session_.tls.version = "TLS1.3";
      session_.tls.bits = 256;
      session_.tls.resumption = 1;
      session_.tls.own = CertificateIn(value);
    }
    if (key == "cert") {
      session_.tls.peer = CertificateIn(value);
      session_.tls.verified = session_.tls.active = true;
    }
  }

  void AddField(const std::string& text) {
    session_.envelope.headers.push_back({text.substr(0, text.find(':')), text});
    session_.envelope.headers_read = true;
  }

  static crypto::CertificatePtr CertificateIn(std::string_view path) {
    auto certificate = crypto::Certificate::FromPem(ReadFile(std::string(path)));
    return certificate.ok() ? certificate.value() : nullptr;
  }

  // A named list in a text is what the tests of the row cover, not what it holds.
  static Origins OriginsOf(std::string_view name) {
    const expand::VariableRow* row = expand::FindRow(expand::Variables(), name);
    return row != nullptr ? row->origins : Origins{kFromClient};
  }

  void AddElement(const std::string& name, const std::string& text) {
    Value& value = session_.overrides[name];
    value.is_list = true;
    value.element_origins = kFromCertificate;
    value.elements.push_back(text);
    std::string shown;
    for (std::size_t i = 0; i < value.elements.size(); ++i) {
      if (i > 0) shown += value.separator;
      for (char c : value.elements[i]) shown += c == ':' ? std::string("::") : std::string(1, c);
    }
    value.segments = {{static_cast<std::uint32_t>(shown.size()), kFromCertificate}};
    value.text = shown;
  }

  void AddAcl(const std::string& name, const std::string& text) {
    using Outcome = expand::AclOutcome;
    const std::size_t blank = std::min(text.find(' '), text.size());
    const std::string kind = text.substr(0, blank);
    names_.acls.push_back(name);
    Outcome& outcome = services_.acls[name];
    outcome.kind = kind == "accept"  ? Outcome::kAccept
                   : kind == "deny"  ? Outcome::kDeny
                   : kind == "defer" ? Outcome::kDefer
                                     : Outcome::kError;
    outcome.message = Value(text.substr(std::min(blank + 1, text.size())));
  }

  static expand::LookupAnswer Answer(const std::string& text) {
    if (const std::size_t colon = text.find(": "); text.starts_with("at ") && colon != text.npos)
      return {expand::LookupAnswer::kFound, text.substr(colon + 2), false,
              text.substr(3, colon - 3)};
    if (text.starts_with("found"))
      return {expand::LookupAnswer::kFound, text.size() > 6 ? text.substr(6) : ""};
    if (text.starts_with("defer ")) return {expand::LookupAnswer::kDeferred, text.substr(6)};
    return {};
  }

  const GoldenCase& golden_;
  SourceText text_;
  FakeNames names_;
  FakeServices services_;
  facts::Session session_;
  facts::Phase phase_ = facts::Phase::kData;
  expand::Reading reading_ = expand::Reading::kTrial;
  Diagnostics diagnostics_;
  expand::ProgramPtr program_;
};

}  // namespace

std::string Escaped(std::string_view octets) {
  std::string text;
  const bool utf8 = IsValidUtf8(octets);
  for (std::size_t i = 0; i < octets.size(); ++i) {
    char c = octets[i];
    const bool edge_blank = c == ' ' && (i == 0 || i + 1 == octets.size());
    if (c == '\n') {
      text += "\\n";
    } else if (c == '\t') {
      text += "\\t";
    } else if (c == '\r') {
      text += "\\r";
    } else if (c == '\\') {
      text += "\\\\";
    } else if (IsControl(c) || edge_blank || (!utf8 && static_cast<unsigned char>(c) >= 0x80)) {
      text += "\\x" + HexLower({&c, 1});
    } else {
      text += c;
    }
  }
  return text;
}

std::string_view GoldenCase::Find(std::string_view key) const {
  for (const auto& [k, value] : lines)
    if (k == key) return value;
  return {};
}

std::string GoldenCase::Name() const {
  std::string name = std::filesystem::path(file).stem().string() + "_" + std::to_string(line);
  std::replace_if(
      name.begin(), name.end(), [](char c) { return !IsAlnum(c); }, '_');
  return name;
}

void PrintTo(const GoldenCase& golden, std::ostream* out) {
  *out << golden.file << ":" << golden.line << ": " << golden.Find("expand");
}

std::vector<GoldenCase> ReadGoldenFile(const std::string& path) {
  std::vector<GoldenCase> cases;
  GoldenCase current;
  std::istringstream in(ReadFile(path));
  const bool manual = path.ends_with(".md");
  bool inside = !manual;
  auto finish = [&] {
    if (!current.lines.empty()) cases.push_back(std::move(current));
    current = {};
  };
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    if (manual && line.starts_with("```")) {
      finish();
      inside = line == "```golden";
      continue;
    }
    if (!inside) continue;
    if (line.empty()) {
      finish();
      continue;
    }
    if (line.front() == '#') continue;
    if (current.lines.empty()) {
      current.file = path;
      current.line = number;
    }
    std::size_t key = std::min(line.find(' '), line.size());
    std::size_t value = std::min(line.find_first_not_of(' ', key), line.size());
    // Blanks at the front of a text to be expanded count from the ninth column on.
    if (line.starts_with("expand  ")) value = std::min<std::size_t>(8, line.size());
    current.lines.emplace_back(line.substr(0, key), line.substr(value));
    current.raw.emplace_back(number, line);
  }
  finish();
  return cases;
}

std::vector<GoldenCase> ReadGoldenDirectory(const std::string& directory) {
  std::vector<std::string> paths;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error))
    if (entry.path().extension() == ".golden") paths.push_back(entry.path().string());
  std::sort(paths.begin(), paths.end());
  std::vector<GoldenCase> cases;
  for (const std::string& path : paths)
    for (GoldenCase& golden : ReadGoldenFile(path)) cases.push_back(std::move(golden));
  return cases;
}

std::string RunGolden(const GoldenCase& golden, facts::Trace* trace) {
  Run run(golden);
  run.Trace(trace);
  return run.Result();
}

std::string DumpOf(const GoldenCase& golden) { return Run(golden).Dumped(); }

std::string ExpectedOf(const GoldenCase& golden) {
  std::string text;
  for (const auto& [number, line] : golden.raw) {
    std::size_t key = std::min(line.find(' '), line.size());
    std::size_t value = std::min(line.find_first_not_of(' ', key), line.size());
    std::string name = line.substr(0, key);
    if (!IsExpectation(name)) continue;
    if (value < line.size()) name.resize(8, ' ');
    text += name + line.substr(value) + "\n";
  }
  return text;
}

void RewriteGolden(const std::vector<GoldenCase>& cases) {
  std::map<std::string, std::map<std::size_t, std::string>> changes;  // "" deletes a line
  for (const GoldenCase& golden : cases) {
    std::string actual = RunGolden(golden);
    if (actual == ExpectedOf(golden)) continue;
    auto& lines = changes[golden.file];
    std::size_t last = golden.line;
    for (const auto& [number, line] : golden.raw) {
      if (IsExpectation(line.substr(0, line.find(' '))))
        lines[number] = "";
      else
        last = number;
    }
    std::string kept;
    for (const auto& [number, line] : golden.raw)
      if (number == last) kept = line;
    lines[last] = kept + "\n" + actual;
  }
  for (const auto& [path, lines] : changes) {
    std::istringstream in(ReadFile(path));
    std::string text, line;
    for (std::size_t number = 1; std::getline(in, line); ++number) {
      auto change = lines.find(number);
      text += change == lines.end() ? line + "\n" : change->second;
    }
    std::ofstream(path, std::ios::binary) << text;
  }
}

}  // namespace signet::test
