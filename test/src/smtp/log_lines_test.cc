#include "src/smtp/log_lines.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "test/support/certificates.h"

namespace signet::smtp {
namespace {

using std::chrono::milliseconds;

constexpr char kGolden[] = "test/src/smtp/log_lines.golden";
const LogSelector kDefaults;
const WallTime kStart = WallTime{} + std::chrono::hours(480'000);

facts::Session MakeSession() {
  facts::Session session;
  session.connection.client_ip = "192.0.2.1";
  session.connection.client_port = 4711;
  session.connection.local_ip = "192.0.2.2";
  session.connection.local_port = 587;
  session.connection.started = kStart;
  session.helo = "c2";
  session.esmtp = true;
  session.tls.active = true;
  session.tls.cipher = "TLS1.3:X:256";
  return session;
}

LogSelector Selected(std::string_view text) {
  std::vector<std::string> unknown;
  LogSelector selector = LogSelector::Parse(text, &unknown);
  EXPECT_TRUE(unknown.empty());
  return selector;
}

crypto::CertificatePtr NamedCertificate(std::string_view name) {
  testing::CertificateSpec spec;
  spec.subject = testing::CommonName(name);
  const testing::Key& key = testing::SharedKey(testing::KeyType::kEcdsaP256);
  return crypto::Certificate::FromDer(testing::Issue(spec, key, nullptr).der).value();
}

// A session of which everything is known.
facts::Session FullSession() {
  facts::Session session = MakeSession();
  session.connection.id = "42";
  session.connection.tls_on_connect = true;
  session.connection.proxy_ip = "192.0.2.80";
  session.tls.sni = "mx.example";
  session.tls.resumption = 29;
  session.tls.peer = NamedCertificate("Alice \"the\" Signer");
  session.tls.verified = true;
  session.auth = {.result = facts::AuthResult::kAuthenticated,
                  .authenticator = "tls",
                  .id = "alice@example.org"};
  facts::Envelope& envelope = session.envelope;
  envelope.message_id = "1xUPkM-0007Kz-0g";
  envelope.has_sender = true;
  envelope.sender = "alice@example.org";
  envelope.authenticated_sender = "boss@example.org";
  envelope.body_8bitmime = true;
  envelope.bdat = true;
  envelope.recipients = {{"x@other.ex", "x", "other.ex"}, {"y@other.ex", "y", "other.ex"}};
  envelope.headers = {{"Received", "Received: from a\n\tby b"},
                      {"From", "From: Alice <alice@example.org>"},
                      {"Subject", "Subject: \"one\"\n two"},
                      {"X-Foo", "X-Foo: 1"}};
  envelope.headers_read = true;
  return session;
}

Arrival FullArrival() {
  return {.size_bytes = 340,
          .message_id = "m@id",
          .pipelining = Arrival::Pipelining::kUsed,
          .began = kStart + milliseconds(1500),
          .ended = kStart + milliseconds(3700)};
}

relay::Delivered FullDelivery() {
  relay::Delivered delivered{{"x@other.ex", "x", "other.ex"}, "up", "to_mta"};
  delivered.upstream = {"mx.other.ex", "203.0.113.7", 25, {}};
  delivered.upstream.tls.active = true;
  delivered.upstream.tls.cipher = "TLS1.3:Y:256";
  delivered.upstream.tls.sni = "mx.other.ex";
  delivered.upstream.tls.peer = NamedCertificate("mx.other.ex");
  delivered.local_ip = "192.0.2.3";
  delivered.local_port = 40001;
  delivered.authenticator = "plain";
  delivered.pipelining = true;
  delivered.chunking = true;
  delivered.confirmation = "250 2.0.0 ok";
  delivered.time = milliseconds(1234);
  return delivered;
}

// Every line that a selector changes, as they are with that selector.
std::vector<LogEvent> AllLines(const LogSelector& selector) {
  const facts::Session session = FullSession();
  const WallTime now = kStart + milliseconds(4900);
  const std::vector<std::string_view> commands = {"EHLO", "NOOP", "QUIT"};
  Arrival created = FullArrival();
  created.message_id_created = true;
  return {ConnectionLine(session, selector, 3),
          EndLine(session, selector, now, "closed by QUIT"),
          EndLine(session, selector, now, "lost"),
          NoMailLine(session, selector, now, commands),
          IncompleteLine(session, selector, "RSET"),
          MistakeLine(session, selector, "syntax", "MAIL FOO", "malformed address"),
          TlsErrorLine(session, selector, "(recv): Error in the pull function."),
          RejectionLine(session, selector, Refusal::kPermanent, "RCPT <z@z>", "no"),
          RejectionLine(session, selector, Refusal::kTemporary, "after DATA", "later"),
          ArrivalLine(session, selector, FullArrival()),
          ArrivalLine(session, selector, created),
          DeliveryLine(session, selector, ">>", FullDelivery(), FullArrival(), now),
          CompletedLine(session, selector, FullArrival(), now)};
}

void Show(const std::string& title, const std::vector<LogEvent>& lines,
          const std::vector<LogEvent>* than, std::string* out) {
  *out += "[" + title + "]\n";
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (than != nullptr && lines[i].text == (*than)[i].text && lines[i].header == (*than)[i].header)
      continue;
    *out += lines[i].text + '\n';
    for (const std::string& header : lines[i].header) *out += "| " + header + '\n';
  }
  *out += '\n';
}

TEST(LogLines, EachSelectorAddsWhatTheGoldenFileSays) {
  std::string said;
  const std::vector<LogEvent> none = AllLines(Selected("-all"));
  Show("-all", none, nullptr, &said);
  Show("defaults", AllLines(kDefaults), nullptr, &said);
  Show("+all", AllLines(Selected("+all")), nullptr, &said);
  for (const SelectorRow& row : SelectorRows()) {
    if (row.selector == Selector::kNone) continue;
    // Those that only change what another one shows.
    const std::string base = row.name == "tls_resumption"         ? "-all +tls_cipher"
                             : row.name == "queue_time_exclusive" ? "-all +queue_time"
                                                                  : "-all";
    const std::vector<LogEvent> without = AllLines(Selected(base));
    const std::string text = base + " +" + std::string(row.name);
    Show(text, AllLines(Selected(text)), &without, &said);
  }
  if (const char* mode = std::getenv("SIGNET_GOLDEN"); mode && std::string(mode) == "rewrite")
    std::ofstream(kGolden) << said;
  std::ifstream in(kGolden);
  const bool same = (std::ostringstream() << in.rdbuf()).str() == said;
  EXPECT_TRUE(same) << "differs from " << kGolden << "; SIGNET_GOLDEN=rewrite shows where";
}

// Whether the line says the fact in its own way.
bool Says(const LogEvent& event, const LogFact& fact) {
  const auto holds = [&](const std::string& text) {
    return event.text.find(text) != event.text.npos;
  };
  if (const auto* text = std::get_if<std::string>(&fact.value)) {
    std::string escaped, blanks;  // as in double quotes, and with blanks that split nothing
    for (char c : *text) {
      escaped += (c == '"' || c == '\\' ? "\\" : "") + std::string(1, c);
      blanks += (c == ' ' ? "\\" : "") + std::string(1, c);
    }
    return holds(*text) || holds(escaped) || holds(blanks);
  }
  if (const auto* list = std::get_if<std::vector<std::string>>(&fact.value))
    return std::all_of(list->begin(), list->end(), holds);
  if (const auto* number = std::get_if<std::int64_t>(&fact.value)) {
    if (!fact.name.ends_with("_ms")) return holds(std::to_string(*number));
    return holds('=' +
                 Duration(WallTime{}, WallTime{} + milliseconds(*number), Selected("+millisec")));
  }
  struct Row {
    std::string_view name, yes, no;
  };
  static constexpr Row kRows[] = {{"tls_resumed", "256*", "256 "},
                                  {"tls_verified", " CV=yes", " CV=no"},
                                  {"temporary", " temporarily ", "] rejected"},
                                  {"pipelining", " L ", " L-"},
                                  {"chunking", " K ", ""},
                                  {"message_id_created", " id*=", ""},
                                  {"upstream_tls_resumed", "256*", "256 "},
                                  {"upstream_tls_verified", " CV=yes", " CV=no"},
                                  {"upstream_pipelining", " L ", ""},
                                  {"upstream_chunking", " K ", ""}};
  const bool yes = std::get<bool>(fact.value);
  for (const Row& row : kRows)
    if (row.name == fact.name)
      return yes ? holds(std::string(row.yes))
                 : row.name == "temporary" || holds(std::string(row.no));
  return false;
}

TEST(LogLines, FactsAndLinesSayTheSame) {
  for (const LogEvent& event : AllLines(Selected("+all"))) {
    for (const LogFact& fact : event.facts)
      EXPECT_TRUE(Says(event, fact)) << fact.name << " in " << event.text;
    // Each field of the line is a fact: there are not fewer of them.
    std::size_t fields = 0;
    for (std::size_t at = event.text.find('='); at != event.text.npos;
         at = event.text.find('=', at + 1))
      ++fields;
    EXPECT_GE(event.facts.size(), fields - (event.text.find("CN=") != event.text.npos))
        << event.text;
  }
}

TEST(LogLines, EveryFactIsInTheManual) {
  std::ifstream in("doc/log.md");
  const std::string manual = (std::ostringstream() << in.rdbuf()).str();
  for (const LogEvent& event : AllLines(Selected("+all"))) {
    EXPECT_NE(manual.find('`' + std::string(event.kind) + '`'), manual.npos) << event.kind;
    for (const LogFact& fact : event.facts)
      EXPECT_NE(manual.find(fact.name), manual.npos) << fact.name << " of " << event.kind;
  }
}

TEST(HostField, ShowsWhatIsKnown) {
  facts::Session session = MakeSession();
  EXPECT_EQ(HostField(session, kDefaults), "H=(c2) [192.0.2.1]");
  EXPECT_EQ(HostField(session, Selected("+incoming_port +incoming_interface")),
            "H=(c2) [192.0.2.1]:4711 I=[192.0.2.2]:587");
  session.host_name = "mx.example";
  EXPECT_EQ(HostField(session, kDefaults), "H=mx.example (c2) [192.0.2.1]");
  session.helo = "mx.example";
  EXPECT_EQ(HostField(session, kDefaults), "H=mx.example [192.0.2.1]");
  session.helo = session.host_name = "";
  EXPECT_EQ(HostField(session, kDefaults), "H=[192.0.2.1]");
}

TEST(TlsFields, AreEmptyWithoutTls) {
  facts::Session session = MakeSession();
  EXPECT_EQ(TlsFields(session, kDefaults), " X=TLS1.3:X:256");
  session.tls.resumption = 29;
  session.tls.sni = "a b";
  EXPECT_EQ(TlsFields(session, Selected("+tls_resumption +tls_sni")), " X=TLS1.3:X:256* SNI=a\\ b");
  session.tls.active = false;
  EXPECT_EQ(TlsFields(session, kDefaults), "");
}

TEST(ArrivalLine, SaysWhoSentWhatAndHow) {
  facts::Session session = MakeSession();
  session.auth = {.result = facts::AuthResult::kAuthenticated,
                  .authenticator = "tls",
                  .id = "alice@example.org"};
  session.envelope.message_id = "ID";
  session.envelope.sender = "alice@example.org";
  session.envelope.recipients.push_back({"x@other.ex", "x", "other.ex"});
  EXPECT_EQ(ArrivalLine(session, kDefaults, {340, "m@id"}).text,
            "ID <= alice@example.org H=(c2) [192.0.2.1] P=esmtpsa X=TLS1.3:X:256 "
            "A=tls:alice@example.org S=340 id=m@id");
  session.envelope.sender = "";
  EXPECT_EQ(ArrivalLine(session, Selected("+received_recipients +received_sender"), {340, ""}).text,
            "ID <= <> H=(c2) [192.0.2.1] P=esmtpsa X=TLS1.3:X:256 A=tls:alice@example.org S=340 "
            "from <> for x@other.ex");
}

TEST(ArrivalLine, NamesTlsFromTheStartWhereSelected) {
  facts::Session session = MakeSession();
  session.connection.tls_on_connect = true;
  auto protocol = [&] {
    const std::string line = ArrivalLine(session, Selected("-all +tls_on_connect"), {}).text;
    const std::size_t at = line.find("P=");
    return line.substr(at, line.find(' ', at) - at);
  };
  EXPECT_EQ(protocol(), "P=essmtp");
  session.auth.result = facts::AuthResult::kAuthenticated;
  EXPECT_EQ(protocol(), "P=essmtpa");
  session.auth = {};
  session.esmtp = false;
  EXPECT_EQ(protocol(), "P=ssmtp");
}

TEST(RejectionLine, NamesTheCommandAndTheReason) {
  facts::Session session = MakeSession();
  EXPECT_EQ(RejectionLine(session, kDefaults, Refusal::kPermanent, "MAIL <q@q>", "").text,
            "H=(c2) [192.0.2.1] X=TLS1.3:X:256 rejected MAIL <q@q>");
  session.envelope.has_sender = true;
  session.envelope.sender = "q@q";
  EXPECT_EQ(RejectionLine(session, kDefaults, Refusal::kTemporary, "RCPT <r@r>", "why\nmore").text,
            "H=(c2) [192.0.2.1] X=TLS1.3:X:256 F=<q@q> temporarily rejected RCPT <r@r>: why");
}

TEST(RejectionLine, HasTheHeaderBelowItInTheRejectLog) {
  facts::Session session = FullSession();
  const LogEvent event =
      RejectionLine(session, kDefaults, Refusal::kPermanent, "after DATA", "bad subject");
  EXPECT_EQ(event.header,
            (std::vector<std::string>{
                "Envelope-from: <alice@example.org>", "Envelope-to: <x@other.ex>",
                "    <y@other.ex>", "P Received: from a", "\tby b",
                "F From: Alice <alice@example.org>", "  Subject: \"one\"", " two", "  X-Foo: 1"}));
  EXPECT_TRUE(RejectionLine(session, Selected("-rejected_header"), Refusal::kPermanent,
                            "after DATA", "bad subject")
                  .header.empty());
  EXPECT_TRUE(
      RejectionLine(session, kDefaults, Refusal::kPermanent, "RCPT <r@r>", "x").header.empty());
}

TEST(RejectionLine, ShowsFiveRecipientsAndALongHeaderCut) {
  facts::Session session = FullSession();
  session.envelope.recipients.resize(6, session.envelope.recipients[0]);
  session.envelope.headers.resize(250, session.envelope.headers[3]);
  const std::vector<std::string> lines =
      RejectionLine(session, kDefaults, Refusal::kPermanent, "after DATA", "").header;
  EXPECT_EQ(lines[5], "    <x@other.ex>");
  EXPECT_EQ(lines[6], "    ...");
  EXPECT_EQ(lines.back(), "*** truncated ***");
  EXPECT_EQ(lines.size(), 201u);
}

TEST(AuthenticatorLine, RuleG4FailureAndDeferralHaveALineWithTheReason) {
  facts::Session session = MakeSession();
  session.helo = "";
  facts::Auth auth;
  auth.result = facts::AuthResult::kFailed;
  auth.reason = "535 Incorrect authentication data (set_id=mallory@test.ex)";
  EXPECT_EQ(AuthenticatorLine(session, kDefaults, auth, "tls").text,
            "tls authenticator failed for H=[192.0.2.1]: "
            "535 Incorrect authentication data (set_id=mallory@test.ex)");
}

TEST(DeliveryLine, NamesMessageRecipientAndPlace) {
  facts::Session session = MakeSession();
  session.envelope.message_id = "ID";
  relay::Delivered delivered{{"a@x.ex", "a", "x.ex"}, "up", "upt"};
  EXPECT_EQ(DeliveryLine(session, kDefaults, "=>", delivered, {}, kStart).text,
            "ID => a@x.ex R=up T=upt");
  delivered.upstream = {"h", "192.0.2.9", 26, {}};
  delivered.confirmation = "250 \"ok\"";
  EXPECT_EQ(DeliveryLine(session, kDefaults, ">>", delivered, {}, kStart).text,
            "ID >> a@x.ex R=up T=upt H=h [192.0.2.9]:26 C=\"250 \\\"ok\\\"\"");
}

}  // namespace
}  // namespace signet::smtp
