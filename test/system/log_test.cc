// Where the log goes, with the tools that administrators have.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <jansson.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ctime>
#include <fstream>
#include <map>
#include <sstream>

#include "test/support/process.h"
#include "test/support/smtp_client.h"
#include "test/support/upstream.h"

namespace signet::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::string Contents(const std::string& path) {
  std::ifstream in(path);
  return (std::ostringstream() << in.rdbuf()).str();
}

// A gateway that stores what it takes in a Maildir.
class LoggingGateway {
 public:
  explicit LoggingGateway(const std::string& options, int upstream_port = 25,
                          const std::string& onward = "")
      : upstream_port_(upstream_port), onward_(onward) {
    Start(options);
  }

  std::string Text(const std::string& options) const {
    return "primary_hostname = mx.example.org\nlocal_interfaces = 127.0.0.1\ndaemon_smtp_ports = " +
           std::to_string(port_) + "\nacl_smtp_rcpt = rcpt\nacl_smtp_data = data\n" + options +
           "\nbegin acl\nrcpt:\n  deny message = not here\n       local_parts = nobody\n"
           "  defer message = later\n       local_parts = later\n  accept\n"
           "data:\n  deny message = bad subject\n       condition = ${if match{$h_subject:}{bad}}\n"
           "  accept\n"
           "begin routers\nfar:\n  driver = manualroute\n  domains = far.example\n"
           "  route_list = * 127.0.0.1\n  transport = onward\n"
           "all:\n  driver = accept\n  transport = store\n"
           "begin transports\nonward:\n  driver = smtp\n  port = " +
           std::to_string(upstream_port_) + '\n' + onward_ +
           "store:\n  driver = appendfile\n  maildir_format\n  directory = " + directory_ / "mail" +
           "\n";
  }
  void Reload(const std::string& options) {
    std::ofstream(config_) << Text(options);
    process_->Signal(SIGHUP);
  }
  std::string Send(const std::string& to, const std::string& subject) {
    SmtpClient client(port_);
    client.Say("EHLO client.example");
    return client.Submit("alice@example.org", to, "Subject: " + subject + "\r\n\r\ntext");
  }
  int port() const { return port_; }
  const std::string& config() const { return config_; }
  Process& process() { return *process_; }

 private:
  void Start(const std::string& options) {
    std::ofstream(config_) << Text(options);
    process_ = std::make_unique<Process>(
        std::vector<std::string>{SignetProgram(), "serve", "-C", config_});
    if (!WaitUntil([&] { return SomebodyListens(port_); }))
      throw std::runtime_error("signet did not start: " + process_->Output());
  }
  TempDir directory_;
  int upstream_port_;
  std::string onward_;  // further options of the transport that goes there
  int port_ = FreePort();
  std::string config_ = directory_ / "signet.conf";
  std::unique_ptr<Process> process_;
};

// The directory of a gateway is known once there is one: logs go below it.
class LogPlaces : public ::testing::Test {
 protected:
  bool Holds(const std::string& name, std::string_view text) {
    return WaitUntil([&] { return Contents(logs_ / name).find(text) != std::string::npos; });
  }
  std::string LineWith(const std::string& name, std::string_view text) {
    std::istringstream in(Contents(logs_ / name));
    for (std::string line; std::getline(in, line);)
      if (line.find(text) != line.npos) return line;
    return "";
  }
  // The objects of that kind, their members as text.
  std::vector<std::map<std::string, std::string>> JsonEvents(const std::string& name,
                                                             const std::string& kind) {
    std::vector<std::map<std::string, std::string>> events;
    std::istringstream in(Contents(logs_ / name));
    for (std::string line; std::getline(in, line);) {
      json_error_t error;
      json_t* object = json_loads(line.c_str(), JSON_REJECT_DUPLICATES, &error);
      EXPECT_NE(object, nullptr) << error.text << ": " << line;
      std::map<std::string, std::string> members;
      const char* key;
      json_t* value;
      json_object_foreach(object, key, value) {
        char* text = json_dumps(value, JSON_ENCODE_ANY);
        members[key] = json_is_string(value) ? json_string_value(value) : text;
        free(text);
      }
      json_decref(object);
      if (members["event"] == kind) events.push_back(std::move(members));
    }
    return events;
  }
  TempDir logs_;
};

TEST_F(LogPlaces, LogrotateMovesFilesAndNothingIsLost) {
  LoggingGateway gateway("log_file_path = " + logs_ / "%slog");
  ASSERT_THAT(gateway.Send("bob@example.net", "one"), StartsWith("250"));
  ASSERT_TRUE(Holds("mainlog", "Completed"));
  std::ofstream(logs_ / "rotate.conf")
      << logs_ / "*log"
      << " {\n  rotate 3\n  missingok\n  nocompress\n  create 0640\n"
      << "  sharedscripts\n  postrotate\n    kill -USR1 " << gateway.process().pid()
      << "\n  endscript\n}\n";
  chmod((logs_ / "rotate.conf").c_str(), 0644);
  const Finished rotated = test::Run(
      {"/usr/sbin/logrotate", "--force", "--state", logs_ / "state", logs_ / "rotate.conf"});
  ASSERT_EQ(rotated.status, 0) << rotated.output;
  ASSERT_TRUE(
      WaitUntil([&] { return Contents(logs_ / "mainlog.1").find(" <= ") != std::string::npos; }));
  ASSERT_THAT(gateway.Send("carol@example.net", "two"), StartsWith("250"));
  ASSERT_TRUE(Holds("mainlog", "Completed"));
  EXPECT_THAT(Contents(logs_ / "mainlog"), HasSubstr("=> carol@example.net"));
  EXPECT_THAT(Contents(logs_ / "mainlog"), Not(HasSubstr("bob@example.net")));
  EXPECT_THAT(Contents(logs_ / "mainlog.1"), Not(HasSubstr("carol@example.net")));
}

TEST_F(LogPlaces, AReloadMovesTheLogAndChangesItsTimeZone) {
  LoggingGateway gateway("log_file_path = " + logs_ / "%s.old" + "\nlog_timezone\ntimezone = UTC");
  ASSERT_TRUE(Holds("main.old", "+0000 signet"));
  gateway.Reload("log_file_path = " + logs_ / "%s.new" + "\nlog_timezone\ntimezone = Asia/Tokyo");
  ASSERT_TRUE(Holds("main.new", "configuration reloaded"));
  EXPECT_THAT(Contents(logs_ / "main.new"), HasSubstr("+0900 pid"));
  ASSERT_THAT(gateway.Send("bob@example.net", "one"), StartsWith("250"));
  EXPECT_TRUE(Holds("main.new", "Completed"));
  EXPECT_THAT(Contents(logs_ / "main.old"), Not(HasSubstr("Completed")));
}

TEST_F(LogPlaces, TheHeaderOfARefusedMessageIsInTheRejectLog) {
  LoggingGateway gateway("log_file_path = " + logs_ / "%slog");
  ASSERT_THAT(gateway.Send("bob@example.net", "bad"), StartsWith("550"));
  ASSERT_TRUE(Holds("rejectlog", "Subject: bad"));
  EXPECT_THAT(Contents(logs_ / "rejectlog"),
              HasSubstr("rejected after DATA: bad subject\nEnvelope-from: <alice@example.org>\n"
                        "Envelope-to: <bob@example.net>\n"));
  EXPECT_THAT(Contents(logs_ / "mainlog"), Not(HasSubstr("Envelope-from")));
}

TEST_F(LogPlaces, RuleR5AFifoThatNobodyReadsDoesNotHoldMail) {
  ASSERT_EQ(mkfifo((logs_ / "main.fifo").c_str(), 0600), 0);
  const int reader = open((logs_ / "main.fifo").c_str(), O_RDONLY | O_NONBLOCK);
  (void)fcntl(reader, F_SETPIPE_SZ, 4096);  // full after a few messages
  LoggingGateway gateway("log_file_path = " + logs_ / "%s.fifo" +
                         "\nlog_json_path = " + logs_ / "json");
  for (int i = 0; i < 40; ++i)
    ASSERT_THAT(gateway.Send("bob@example.net", "n" + std::to_string(i)), StartsWith("250"));
  ASSERT_TRUE(WaitUntil([&] { return JsonEvents("json", "completed").size() == 40; }));
  // What waited comes when somebody reads.
  std::string got;
  char block[4096];
  EXPECT_TRUE(WaitUntil([&] {
    const ssize_t n = read(reader, block, sizeof block);
    if (n > 0) got.append(block, static_cast<std::size_t>(n));
    std::size_t count = 0;
    for (std::size_t at = got.find(" Completed\n"); at != got.npos;
         at = got.find(" Completed\n", at + 1))
      ++count;
    return count == 40;
  })) << got;
  close(reader);
}

TEST_F(LogPlaces, TheJournalGetsAPriorityInFrontOfEachLine) {
  const std::string config = logs_ / "signet.conf";
  const int port = FreePort();
  std::ofstream(config) << "local_interfaces = 127.0.0.1\ndaemon_smtp_ports = " << port << '\n';
  // As systemd tells it: which file standard error is.
  Process gateway({"/bin/sh", "-c",
                   "JOURNAL_STREAM=$(stat -L -c %d:%i /dev/stderr) exec \"$0\" serve -C \"$1\"",
                   SignetProgram(), config});
  EXPECT_TRUE(gateway.WaitForOutput("daemon started")) << gateway.Output();
  EXPECT_THAT(gateway.Output(), ::testing::ContainsRegex("\n<6>20[0-9-]+ [0-9:]+ signet "));
}

TEST_F(LogPlaces, JsonHasTheSameFacts) {
  LoggingGateway gateway("log_file_path = " + logs_ / "%slog" +
                         "\nlog_json_path = " + logs_ / "json" +
                         "\nlog_selector = +subject +received_recipients +smtp_connection");
  ASSERT_THAT(gateway.Send("bob@example.net", "\"quoted\" \xff \xc3\xbc \x1b[31m"),
              StartsWith("250"));
  ASSERT_THAT(gateway.Send("nobody@example.net", "no"), StartsWith("550"));
  ASSERT_TRUE(Holds("json", "\"rejection\""));
  ASSERT_TRUE(Holds("mainlog", " rejected RCPT"));
  const auto arrivals = JsonEvents("json", "arrival");
  ASSERT_EQ(arrivals.size(), 1u);
  const auto& arrival = arrivals[0];
  const std::string line = LineWith("mainlog", " <= ");
  EXPECT_THAT(line, HasSubstr(arrival.at("id") + " <= " + arrival.at("sender") + " H=(" +
                              arrival.at("helo") + ") [" + arrival.at("client_ip") +
                              "] P=" + arrival.at("protocol") + " S=" + arrival.at("size")));
  EXPECT_EQ(arrival.at("subject"), "\"quoted\" \\377 \xc3\xbc \x1b[31m");
  EXPECT_THAT(line, HasSubstr(R"(T="\"quoted\" \377 ü \033[31m" for bob@example.net)"));
  const auto rejections = JsonEvents("json", "rejection");
  ASSERT_EQ(rejections.size(), 1u);
  EXPECT_THAT(LineWith("mainlog", " rejected RCPT"),
              HasSubstr(" rejected " + rejections[0].at("what") + ": " + rejections[0].at("why")));
  EXPECT_EQ(rejections[0].at("what"), "RCPT <nobody@example.net>");
  // As many events as lines, once both writers have done with the last ones.
  const auto count = [this](const std::string& name) {
    const std::string text = Contents(logs_ / name);
    return std::count(text.begin(), text.end(), '\n');
  };
  EXPECT_TRUE(WaitUntil([&] { return count("mainlog") == count("json"); }))
      << count("mainlog") << " lines, " << count("json") << " objects";
}

// --- TLS reports and counters ----------------------------------------------------------------

TEST_F(LogPlaces, ReportsOfTlsWithUpstreamsArePrintedForADay) {
  Upstream upstream;  // which offers no STARTTLS
  const std::string state = logs_ / "tlsrpt.json";
  LoggingGateway gateway("tlsrpt_file = " + state + "\ntlsrpt_contact_info = c@example.org",
                         upstream.port(), "  hosts_require_tls = *\n  tls_verify_hosts =\n");
  EXPECT_THAT(gateway.Send("bob@far.example", "one"), StartsWith("451"));
  gateway.process().Signal(SIGTERM);
  EXPECT_EQ(gateway.process().Wait(), 0) << gateway.process().Output();
  struct stat status {};
  ASSERT_EQ(stat(state.c_str(), &status), 0) << gateway.process().Output();
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  char today[16];
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  std::strftime(today, sizeof today, "%Y-%m-%d", gmtime_r(&now, &utc));
  const std::vector<std::string> command = {SignetProgram(), "tlsrpt", "-C", gateway.config(),
                                            "--day"};
  const auto ask = [&](const std::string& day) {
    std::vector<std::string> words = command;
    words.push_back(day);
    return test::Run(words);
  };
  const Finished report = ask(today);
  ASSERT_EQ(report.status, 0) << report.output;
  EXPECT_THAT(report.output, HasSubstr("\"contact-info\": \"c@example.org\""));
  EXPECT_THAT(report.output, HasSubstr("\"organization-name\": \"mx.example.org\""));
  EXPECT_THAT(report.output, HasSubstr("\"result-type\": \"starttls-not-supported\""));
  EXPECT_THAT(report.output, HasSubstr("\"total-failure-session-count\": 1"));
  EXPECT_EQ(ask("today").status, 2);
}

TEST_F(LogPlaces, Sigusr2SaysHowHandshakesWent) {
  LoggingGateway gateway("log_file_path = " + logs_ / "%slog");
  gateway.process().Signal(SIGUSR2);
  EXPECT_TRUE(Holds("mainlog",
                    "TLS with clients: TLS1.2=0 TLS1.3=0 other=0 failed=0; "
                    "certificates: none=0 verified=0"));
}

// --- Exim's readers ----------------------------------------------------------------------------

std::string Reader(const std::string& name) { return PeersDirectory() + "/usr/sbin/" + name; }

// A mixed run: 3 messages to one recipient upstream, 2 of them from bob; one to three recipients
// there; 2 stored; refusals before and after the data, for good and for now.
class EximsReaders : public LogPlaces {
 protected:
  EximsReaders() : gateway_("log_file_path = " + logs_ / "%slog", upstream_.port()) {
    for (const char* from : {"alice", "bob", "bob"}) Submit(from, {"x@far.example"}, "hello");
    Submit("alice", {"x@far.example", "y@far.example", "z@far.example"}, "to three");
    Submit("alice", {"near@example.net"}, "stored");
    Submit("carol", {"near@example.net"}, "stored");
    Submit("mallory", {"near@example.net"}, "bad");
    Submit("mallory", {"nobody@example.net"}, "");
    Submit("mallory", {"later@example.net"}, "");
    EXPECT_TRUE(Holds("mainlog", "temporarily rejected RCPT"));
  }
  void Submit(const std::string& from, const std::vector<std::string>& to,
              const std::string& subject) {
    SmtpClient client(gateway_.port());
    client.Say("EHLO " + from + ".example");
    client.Say("MAIL FROM:<" + from + "@example.org>");
    for (const std::string& one : to)
      if (client.Say("RCPT TO:<" + one + ">")[0] != '2') return;
    client.Say("DATA");
    client.Say("Subject: " + subject + "\r\n\r\n" + std::string(500, 'x') + "\r\n.");
  }
  // The numbers behind `label` in the summary.
  static std::vector<std::uint64_t> Row(const std::string& report, const std::string& label) {
    std::istringstream in(report);
    for (std::string line; std::getline(in, line);) {
      if (!line.starts_with(label)) continue;
      std::istringstream words(line.substr(label.size()));
      std::vector<std::uint64_t> numbers;
      for (std::uint64_t number; words >> number;) numbers.push_back(number);
      return numbers;
    }
    return {};
  }
  Upstream upstream_;
  LoggingGateway gateway_;
};

TEST_F(EximsReaders, EximstatsCountsRight) {
  const Finished stats =
      test::Run({"/usr/bin/perl", Reader("eximstats"), "-nr", "-h0", "-t20", logs_ / "mainlog"});
  ASSERT_EQ(stats.status, 0) << stats.output;
  std::uint64_t volume = 0;
  std::istringstream log(Contents(logs_ / "mainlog"));
  for (std::string line; std::getline(log, line);)
    if (const std::size_t at = line.find(" <= "); at != line.npos)
      volume += std::stoull(line.substr(line.find(" S=") + 3));
  using Numbers = std::vector<std::uint64_t>;
  // Volume, messages, (addresses,) hosts.
  EXPECT_EQ(Row(stats.output, "  Received"), (Numbers{volume, 6, 3, 0, 0})) << stats.output;
  EXPECT_EQ(Row(stats.output, "  Delivered"), (Numbers{volume, 6, 8, 2})) << stats.output;
  EXPECT_EQ(Row(stats.output, "  Rejects"), (Numbers{2, 1})) << stats.output;
  EXPECT_EQ(Row(stats.output, "  Temp Rejects"), (Numbers{1, 1})) << stats.output;
  EXPECT_THAT(stats.output, HasSubstr("Rejected RCPT: not here"));
}

TEST_F(EximsReaders, EximstatsCountsRightWithEverySelector) {
  gateway_.Reload("log_file_path = " + logs_ / "all-%slog" + "\nlog_selector = +all\nlog_timezone");
  ASSERT_TRUE(Holds("all-mainlog", "reloaded"));
  Submit("alice", {"x@far.example", "y@far.example"}, "hello");
  Submit("bob", {"near@example.net"}, "stored");
  ASSERT_TRUE(WaitUntil([&] {
    const std::string log = Contents(logs_ / "all-mainlog");
    return log.find(" Completed", log.find(" Completed") + 1) != std::string::npos;
  }));
  const Finished stats =
      test::Run({"/usr/bin/perl", Reader("eximstats"), "-nr", "-h0", logs_ / "all-mainlog"});
  ASSERT_EQ(stats.status, 0) << stats.output;
  const auto received = Row(stats.output, "  Received"),
             delivered = Row(stats.output, "  Delivered");
  ASSERT_GE(received.size(), 3u) << stats.output;
  ASSERT_GE(delivered.size(), 3u) << stats.output;
  EXPECT_EQ(received[1], 2u) << stats.output;
  EXPECT_EQ(delivered[1], 2u) << stats.output;
  EXPECT_EQ(delivered[2], 3u) << stats.output;
  EXPECT_EQ(received[0], delivered[0]) << stats.output;
}

TEST_F(EximsReaders, ExigrepFindsAMessageByIdAndByAddress) {
  const std::string log = Contents(logs_ / "mainlog");
  const std::size_t at = log.find(" => near@example.net");
  ASSERT_NE(at, log.npos);
  const std::string id = log.substr(log.rfind(' ', at - 1) + 1, 16);
  const Finished by_id = test::Run({"/usr/bin/perl", Reader("exigrep"), id, logs_ / "mainlog"});
  EXPECT_THAT(by_id.output, HasSubstr(id + " <= alice@example.org"));
  EXPECT_THAT(by_id.output, HasSubstr(id + " => near@example.net"));
  EXPECT_THAT(by_id.output, HasSubstr(id + " Completed"));
  EXPECT_THAT(by_id.output, Not(HasSubstr("far.example")));
  const Finished by_address =
      test::Run({"/usr/bin/perl", Reader("exigrep"), "z@far.example", logs_ / "mainlog"});
  EXPECT_THAT(by_address.output, HasSubstr(" <= alice@example.org"));
  EXPECT_THAT(by_address.output, HasSubstr(" => x@far.example"));
  EXPECT_THAT(by_address.output, HasSubstr(" -> z@far.example"));
  EXPECT_THAT(by_address.output, HasSubstr(" Completed"));
  EXPECT_THAT(by_address.output, Not(HasSubstr("bob@example.org")));
  // A refusal has no id: its line stands alone.
  const Finished refused =
      test::Run({"/usr/bin/perl", Reader("exigrep"), "nobody@example.net", logs_ / "mainlog"});
  EXPECT_THAT(refused.output, HasSubstr("rejected RCPT <nobody@example.net>: not here"));
}

}  // namespace
}  // namespace signet::test
