#ifndef SIGNET_TEST_SUPPORT_FAULT_WORLD_H_
#define SIGNET_TEST_SUPPORT_FAULT_WORLD_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "test/support/authority.h"
#include "test/support/fault_load.h"
#include "test/support/process.h"
#include "test/support/smtp_client.h"

namespace signet::test {

// A gateway with everything around it that a fault can happen to, and clients that use all of
// it all the time. What is sent to "net" goes to a mail server that writes down what it takes
// and whom it takes it from; what is sent to "box" is put into a Maildir; "faulty" is another
// upstream, where a test has one. With `acl_smtp_data = hold`, messages are held until their end.
//
// Visitors, beside what their certificates are: alice and bob have accounts in the directory;
// device-1 and device-2 are known without it; carol has no account; "expired" and "stranger"
// (of another authority) bring alice's name; "bare" brings no certificate.
class FaultWorld {
 public:
  struct Options {
    // In texts, @DIRECTORY@ is the directory of this world.
    std::string ldap_servers;
    int faulty_port = 0;
    std::string faulty_host = "127.0.0.1";
    std::function<std::vector<std::string>()> faulty_messages;  // that it has taken
    std::string transport;       // further lines of the transport to "faulty"
    std::string main_options;    // further lines of the main section
    std::string sections;        // further sections
    std::string log_path;        // of log_file_path; standard error where it is empty
    std::string mail_directory;  // of the Maildir; ours where it is empty
    std::vector<std::string> environment, wrapper;  // of the gateway; what starts it
    std::int64_t list_ends = testing::kYear2120;    // of crl.pem
    bool as_nobody = false;  // the gateway is not root, so that its environment counts
    bool with_load = true;
    int clients = 6;
  };
  explicit FaultWorld(Options options);
  ~FaultWorld();
  FaultWorld(const FaultWorld&) = delete;
  FaultWorld& operator=(const FaultWorld&) = delete;

  const Load& load() const { return *load_; }
  Process& gateway() { return *gateway_; }
  Process& sink() { return *sink_; }
  int port() const { return port_; }
  const Authority& authority() const { return Ours(); }
  const TempDir& directory() const { return directory_; }
  const std::string& config_file() const { return config_file_; }
  // Its own copy of a file: "server.pem", "server.key", "root.pem", "crl.pem".
  std::string file(std::string_view name) const { return directory_ / name; }
  // A revocation list that ends then, with nobody on it.
  static std::string RevocationList(std::int64_t next_update);
  long ResidentKib() const;  // of the serving process

  void StartLoad();
  void StartGateway();
  void StartSink();
  // Processes of the gateway that serve clients: one, by whatever name.
  pid_t serving_pid() const;
  pid_t key_pid() const;    // of the one that has the private keys; 0: none
  int Descriptors() const;  // that it has open
  // Sets a limit (RLIMIT_…) of the serving process; returns the one before.
  std::uint64_t SetLimit(int resource, std::uint64_t value) const;
  std::string Log() const;
  bool WaitForLog(std::string_view text, milliseconds limit = seconds(20)) const;
  // A session of this visitor behind EHLO.
  SmtpClient Client(const std::string& name) const;
  Visitor FindVisitor(const std::string& name) const;

  // Ends the load and compares what everybody says. What is wrong, one a line; "" where
  // nothing is. `gateway_lived`: it is still the process that it was.
  enum class Lived : bool { kNo, kYes };
  std::string Judge(Lived lived = Lived::kYes);
  // What Judge has counted.
  struct Counts {
    int offered = 0, acknowledged = 0, lost = 0, duplicates = 0, unacknowledged = 0, identities = 0;
  };
  const Counts& counts() const { return counts_; }

 private:
  struct Stored {
    std::string message, told;  // `told`: what XCLIENT said, "" where nothing was
    bool by_sink = false;
  };
  static const Authority& Ours();
  std::vector<Visitor> Visitors() const;
  std::string Configuration() const;
  std::vector<pid_t> Processes() const;
  void BecomeNobodys(std::vector<std::string>* command) const;
  std::vector<Stored> Everything() const;
  void AwaitFaulty(const std::map<int, Load::Offer>& offers) const;
  void JudgeStored(const std::map<int, Load::Offer>& offers, std::map<int, int>* copies,
                   std::string* wrong) const;
  void JudgeLog(const std::map<int, Load::Offer>& offers, std::string* wrong);

  Options options_;
  TempDir directory_;
  int port_, sink_port_;
  std::string config_file_;
  std::unique_ptr<Process> sink_, gateway_;
  pid_t first_pid_ = 0;
  int descriptors_ = 0;
  Counts counts_;
  std::unique_ptr<Load> load_;
};

// For main(): the mail server behind, when this program was started as one.
bool RunAsSink(int argc, char** argv);

}  // namespace signet::test
#endif
