#ifndef SIGNET_SRC_CLI_OPTIONS_H_
#define SIGNET_SRC_CLI_OPTIONS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/base/result.h"
#include "src/config/config.h"

namespace signet::cli {

inline constexpr std::string_view kVersion = "0.1";
inline constexpr std::string_view kDefaultConfigFile = "/etc/signet/signet.conf";

// Exit statuses of every verb.
enum ExitStatus : int {
  kGood = 0,    // done; the answer is yes
  kNo = 1,      // done; the answer is no (an expression failed, a session was refused)
  kUsage = 2,   // the command line or the configuration is wrong
  kLater = 75,  // send: not now, try again (EX_TEMPFAIL of sysexits.h)
};

// Arguments is a command line after parsing: the verb, and what was said to it. Exim's
// letters and the verbs' own options end up in the same members.
struct Arguments {
  std::string verb;                             // "serve", "check", "expand", "help", …
  std::string config_file{kDefaultConfigFile};  // -C FILE, --config FILE
  std::vector<config::Macro> macros;            // -D NAME=VALUE, in order
  std::vector<std::string> operands;            // everything that is not an option
  std::vector<std::string> words;               // all of the command line, for the log

  // serve
  bool background = false;      // -bd
  std::string ports;            // -oX LIST: replaces daemon_smtp_ports,
                                // and local_interfaces where it has addresses
  std::string pid_file;         // -oP FILE
  bool tls_on_connect = false;  // -tls-on-connect: on every port
  bool debug = false;           // -d
  bool take_over = false;       // --take-over

  // check
  bool print_options = false;  // -bP, --print [OPTION…]; names in operands
  bool print_version = false;  // -bV
  bool print_table = false;    // --table: every option there is
  std::string diff;            // --diff NEW: compare with that configuration

  // of several verbs
  std::string at;     // --at TIME: the moment it is taken to be; "": now
  bool json = false;  // --json

  // audit, check --diff
  std::string certificates_directory;  // --certs DIR
  std::string days;                    // audit: --days N; "": 30
  bool csv = false;                    // audit: --csv

  // why, status, reload
  std::string socket;  // --socket PATH; "": control_socket of the configuration

  // expand; --cert of other verbs too
  std::string certificate_file;                               // --cert PEM: $tls_in_peercert
  std::vector<std::pair<std::string, std::string>> settings;  // --set NAME=VALUE, in order

  // explain, session
  std::vector<std::string> chain_files;  // --chain, in order
  std::string listener, client_ip, helo, server_name, directory;
  std::string auth, auth_user, password_file;
  std::vector<std::string> senders, recipients;  // --from, --to
  bool without_tls = false, tls12 = false;       // --no-tls, --tls1.2
  bool trace = false;
  bool brief = false;  // --brief: without the steps; why, too

  // send
  bool send_config_given = false;     // -C: then nothing else is read
  bool recipients_in_header = false;  // -t
  bool dot_is_text = false;           // -i
  bool verbose = false;               // -v
  std::string sender;                 // -f
  bool sender_given = false;          // "-f <>" is the empty one
  std::string full_name;              // -F
  std::string not_for_us;             // -bp and such: what was asked for instead of sending

  // pins
  std::string from, until;  // --from DATE, --until DATE

  // tickets
  std::string keep;  // --keep N

  // tlsrpt
  std::string day;  // --day DAY; "": yesterday
};

// What is wrong with a command line: a sentence for standard error, possibly with a
// suggestion; the status is kUsage.
struct UsageError {
  std::string message;
};

// `words` are the command line without the program's name.
Result<Arguments, UsageError> ParseArguments(const std::vector<std::string>& words);

// The text of `signet help` (verb empty) and of `signet VERB --help`; empty for an
// unknown verb.
std::string HelpText(std::string_view verb);

// The tables of verbs and of their options, for those who show them in other forms
// (completion, manual pages). Sorted by name.
struct OptionFacts {
  std::string_view spelling;  // "--cert", "-C"
  std::string_view value;     // "PEM"; "" where it takes none
  std::string_view help;
};
struct VerbFacts {
  std::string_view name, usage, summary, help;
  std::vector<OptionFacts> options;
};
std::vector<VerbFacts> Verbs();
// The ways to use a verb, one each: lines of `usage` that begin with "signet", with those that
// go on with them.
std::vector<std::string> UsagesOf(std::string_view usage);

// "bash", "zsh" or "fish": what its shell reads to complete command lines; "" for another.
std::string CompletionScript(std::string_view shell);

// One function per verb, in src/cli/<verb>.cc; each returns an ExitStatus.
int RunServe(const Arguments& arguments);
int RunCheck(const Arguments& arguments);
int RunCompletion(const Arguments& arguments);
int RunAudit(const Arguments& arguments);
int RunCert(const Arguments& arguments);
int RunExpand(const Arguments& arguments);
int RunExplain(const Arguments& arguments);
int RunSession(const Arguments& arguments);
int RunPins(const Arguments& arguments);
int RunTickets(const Arguments& arguments);
int RunTlsrpt(const Arguments& arguments);
int RunSend(const Arguments& arguments);
int RunReload(const Arguments& arguments);
int RunStatus(const Arguments& arguments);
int RunWhy(const Arguments& arguments);

// The status for programs that call us as "sendmail": as in sysexits.h.
int SendmailStatus(int status);

}  // namespace signet::cli
#endif
