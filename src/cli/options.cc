#include "src/cli/options.h"

#include <unistd.h>

#include <algorithm>
#include <optional>

#include "src/base/source.h"
#include "src/base/text.h"

namespace signet::cli {
namespace {

// --- the table of verbs ------------------------------------------------------------------

struct VerbRow {
  std::string_view name;
  std::string_view usage;
  std::string_view summary;
  std::string_view help;
  bool takes_operands = false;  // words that are no options
};

// clang-format off
constexpr VerbRow kVerbs[] = {
  {"audit", "signet audit --certs DIR [-C FILE] [--directory live|FILE|none] [--days N]\n"
   "       [--csv|--json] [--listener PORT] [--at TIME]",
   "all certificates that you have given out, against the configuration",
   "Looks at every certificate below a directory (PEM and DER) and says to which account the\n"
   "server would map a client that has it, or why to none; which are ambiguous, share an account,\n"
   "expire, are made for servers only, or are weak. Other files are passed over. Status 0 where\n"
   "all are mapped and nothing is to be looked at, else 1.\n"},
  {"cert", "signet cert [-C FILE] [-D NAME=VALUE] [--json] [--at TIME] [--directory live|FILE|none] PEM…",
   "show all of a certificate, and how to get at it",
   "Prints every field of the certificates in each file, PEM or DER, with the expression that\n"
   "yields it. Where there is a configuration (-C, or the usual one), it says what each listener\n"
   "would make of a client with the file's first certificate: whether it is asked for one, whether\n"
   "it verifies, and as whom it is authenticated; the other certificates of the file are its chain.\n"
   "Nothing is fetched. Status 2 where a file cannot be read, or holds anything but certificates.\n", true},
  {"check", "signet check [-C FILE] [-D NAME=VALUE] [-bP [OPTION…] | --table | --diff NEW]",
   "compile the configuration, print every mistake",
   "Reads the configuration as serve would, keys and trust files included, and prints every\n"
   "mistake with its place, and what can hardly be meant. Strangers are played to each listener:\n"
   "status 1 where one may send to anybody, else 0 where it can be used, 2 where it can't.\n"
   "With -bP it prints the effective settings instead, or those named: an option, +LIST,\n"
   "routers, \"router NAME\", router_list (likewise transport and authenticator), macros,\n"
   "\"macro NAME\", config_file. Values that were set with \"hide\" are not shown.\n"
   "With --diff, the clients that the running server remembers are played once more, under the\n"
   "configuration and under NEW, and those whose result would change are printed: status 1\n"
   "where there are any, 0 where nothing changes. Nothing is delivered; lookups are made.\n"},
  {"completion", "signet completion bash|zsh|fish",
   "print what a shell needs to complete command lines",
   "Prints a script for bash, zsh or fish, with the verbs, options and files that there are.\n"
   "\"make install\" puts each where its shell looks for it.\n", true},
  {"expand", "signet expand [-C FILE] [-D NAME=VALUE] [--cert PEM] [--set NAME=VALUE] [STRING…]",
   "expand strings, with a real certificate if you like",
   "Expands each STRING, or each line of standard input, and prints the result, or \"Failed:\"\n"
   "and why; mistakes are shown with their place on standard error. Named lists, macros and\n"
   "lookups are those of the configuration. \"set NAME = VALUE\" sets a variable, \"NAME = text\"\n"
   "defines a macro; a line that ends in a backslash goes on in the next. On a terminal, lines\n"
   "can be edited and called back. The certificate of --cert is verified as a client's would\n"
   "be, for $tls_in_certificate_verified. Status 1 where anything failed.\n", true},
  {"explain", "signet explain --cert PEM [--from ADDRESS] [--to ADDRESS]… [OPTION]…",
   "say what a client would get, and why, step by step",
   "Plays a client against the configuration, with the engine that serves but without a network:\n"
   "the chain of its certificate check by check, the authenticator with every expression and\n"
   "lookup, the ACLs statement by statement, the replies. The verdict comes first. Nothing is\n"
   "delivered, and no upstream is asked; lookups are made, unless --directory says otherwise.\n"
   "Without --from the sender is the identity, or else the address in the certificate; without\n"
   "--to the recipient is postmaster@example.org. Status 0 where all is accepted, 1 where something is\n"
   "refused, 75 where it is deferred, 2 for wrong usage or configuration.\n"},
  {"help", "signet help [VERB]",
   "explain the verbs", "Prints what there is.\n", true},
  {"pins", "signet pins add FILE NAME CERTIFICATE [--from DATE] [--until DATE]\n"
   "       signet pins check FILE CERTIFICATE…\n"
   "       signet pins list FILE\n"
   "       signet pins rotate FILE NAME\n"
   "       signet pins show CERTIFICATE…",
   "keep a file of pinned keys, for server_pins",
   "A pin is the SHA-256 of a certificate's public key, and outlives its renewal. \"add\" makes a\n"
   "line for NAME, or gives an existing one the certificate's key as its next pin; \"rotate\" makes\n"
   "the next pin the current one. Comments, owner and mode of the file stay as they are. \"list\"\n"
   "shows how long each line holds. \"check\" says of each certificate (PEM, the first of the file)\n"
   "under which name it is known, and warns of one that is known by its fingerprint only; status 1\n"
   "where any is not good. \"show\" prints the pins of certificates, of authorities too.\n", true},
  {"reload", "signet reload [-C FILE] [-D NAME=VALUE] [--socket PATH] [--json]",
   "have the running server load its configuration again",
   "As SIGHUP, and waits for the outcome: all or nothing. Every mistake is printed as the log\n"
   "has it. Status 0 where the new configuration is in use, 2 where the old one stays.\n"},
  {"send", "signet send [-C FILE] [--set NAME=VALUE] [-t] [-i] [-f SENDER] [-F NAME] [-v] [RECIPIENT…]",
   "submit a message to a smart host, as sendmail does",
   "Reads a message from standard input and submits it, with the certificate of\n"
   "/etc/signet/send.conf or ~/.config/signet/send.conf, to the host named there. What a message\n"
   "lacks (From, Date, Message-ID) is added. A line with a lone dot ends it, unless -i is given.\n"
   "All recipients get it, or none. Nothing is queued: status 0 is said when the host has the\n"
   "message, 1 where it refuses, 75 where it may take it later, 2 for wrong usage or settings.\n"
   "Called by the name \"sendmail\", it takes what programs say to that, and gives its statuses.\n",
   true},
  {"serve", "signet serve [-C FILE] [-D NAME=VALUE] [-oX LIST] [-oP FILE] [-tls-on-connect]\n"
   "       [-d] [--take-over]",
   "run the gateway, in the foreground",
   "Serves until SIGTERM or SIGINT. SIGHUP loads the configuration again: if it is good, new\n"
   "connections get it; if not, every mistake is logged and nothing changes. SIGUSR1 opens\n"
   "the log files again; SIGUSR2 logs how many TLS handshakes there were, and how they went.\n"
   "With --take-over it takes the place of the running server: nobody is refused meanwhile, and\n"
   "sessions go on to their end there. If this one does not start, nothing has happened.\n"},
  {"session", "signet session [--cert PEM] [--trace] [OPTION]… [ADDRESS]",
   "talk SMTP with the configuration on standard input, as a client from ADDRESS",
   "You are the client; the server is the real one but for the network: after STARTTLS you are\n"
   "the holder of the certificate of --cert, right away and in clear. Nothing is delivered,\n"
   "nothing is asked of an upstream or kept on disk. What would be logged is shown, and with\n"
   "--trace what is decided, step by step. A line \"NAME: value\" of a message is data as ever.\n"
   "Status 0 when the session has ended, 2 for wrong usage or configuration.\n", true},
  {"status", "signet status [-C FILE] [-D NAME=VALUE] [--socket PATH] [--json]",
   "show how the running server is",
   "Asks the running server: since when it is up, which configuration it has and how its last\n"
   "reload went, its sessions and workers, how long its certificates last, how directories and\n"
   "databases have answered, and how many decisions it knows.\n"},
  {"tickets", "signet tickets rotate FILE [--keep N]",
   "renew the secrets that gateways seal TLS tickets with",
   "Puts a new random secret in front of those in FILE, for tls_ticket_keys, and drops the oldest;\n"
   "makes the file, for its owner only, where there is none. Running gateways see it by\n"
   "themselves. Owner and mode of the file stay as they are. Copy it to all gateways.\n", true},
  {"tlsrpt", "signet tlsrpt [-C FILE] [-D NAME=VALUE] [--day DAY]",
   "print a day's TLS report (RFC 8460)",
   "Prints how TLS with upstreams went on a day, in UTC, as the JSON of RFC 8460: what a running\n"
   "gateway has counted in tlsrpt_file up to a minute ago. Yesterday, unless --day says another of\n"
   "the last week. Sending it is left to you.\n"},
  {"version", "signet version",
   "print the version", "Prints the version.\n"},
  {"why", "signet why [-C FILE] [-D NAME=VALUE] [--socket PATH] [--json] [REFERENCE]",
   "explain a refusal of the running server, by its reference",
   "A reply that refuses or defers for who the client is ends in a reference, \"(reference\n"
   "K7Q2-9FXMT)\"; so does its line in the log (REF=). With it, the decision is shown as \"signet\n"
   "explain\" would show it: the verdict, the reason, and each step. Without one, the last\n"
   "refusals are listed. The server keeps decisions_kept of them, for a week at most. Status 1\n"
   "where there is no such decision any more, or no server.\n", true},
};

// --- the table of options ----------------------------------------------------------------

enum class Takes : std::uint8_t { kNothing, kValue, kRest };  // kRest: "-dSEL", optional
struct OptionRow {
  std::string_view spelling;
  Takes takes;
  std::string_view verbs;      // where it may be said
  std::string_view verb_made;  // Exim's letters that stand for a verb
  std::string_view value;     // in help
  void (*apply)(Arguments&, std::string_view);
  std::string_view help;
};

void AddMacro(Arguments& a, std::string_view text) {
  const std::size_t equals = text.find('=');
  std::string_view value = equals == text.npos ? std::string_view() : text.substr(equals + 1);
  a.macros.push_back({std::string(Trim(text.substr(0, equals))), std::string(value)});
}

void AddSetting(Arguments& a, std::string_view text) {
  const std::size_t equals = text.find('=');
  std::string_view value = equals == text.npos ? std::string_view() : text.substr(equals + 1);
  a.settings.emplace_back(Trim(text.substr(0, equals)), value);
}

void SetSender(Arguments& a, std::string_view text) {
  a.sender = text;
  a.sender_given = true;
}

void Nothing(Arguments&, std::string_view) {}

constexpr OptionRow kOptions[] = {
  {"--at", Takes::kValue, "audit cert explain session", "", "TIME",
   [](Arguments& a, std::string_view v) { a.at = v; },
   "the moment it is taken to be, as 2027-06-30 or 2027-06-30T12:00:00Z; default now"},
  {"--auth", Takes::kValue, "explain", "", "MECHANISM",
   [](Arguments& a, std::string_view v) { a.auth = v; },
   "says AUTH too: EXTERNAL, LOGIN, OAUTHBEARER or PLAIN"},
  {"--brief", Takes::kNothing, "explain why", "", "",
   [](Arguments& a, std::string_view) { a.brief = true; }, "the verdict and the reason only"},
  {"--cert", Takes::kValue, "expand", "", "PEM",
   [](Arguments& a, std::string_view v) { a.certificate_file = v; },
   "the certificate that $tls_in_peercert is"},
  {"--cert", Takes::kValue, "explain session", "", "PEM",
   [](Arguments& a, std::string_view v) { a.certificate_file = v; },
   "the client's certificate; more of the file are its chain"},
  {"--certs", Takes::kValue, "check", "", "DIR",
   [](Arguments& a, std::string_view v) { a.certificates_directory = v; },
   "for --diff: the certificates in this directory, in place of clients remembered"},
  {"--certs", Takes::kValue, "audit", "", "DIR",
   [](Arguments& a, std::string_view v) { a.certificates_directory = v; },
   "the directory of certificates; those below it too"},
  {"--chain", Takes::kValue, "explain session", "", "PEM",
   [](Arguments& a, std::string_view v) { a.chain_files.emplace_back(v); },
   "more certificates that the client sends"},
  {"--client-ip", Takes::kValue, "explain session", "", "ADDRESS",
   [](Arguments& a, std::string_view v) { a.client_ip = v; },
   "where the client is; default 192.0.2.1, an address that nobody has"},
  {"--config", Takes::kValue, "audit cert check expand explain reload serve session status tlsrpt why", "", "FILE",
   [](Arguments& a, std::string_view v) { a.config_file = v; }, "same as -C"},
  {"--csv", Takes::kNothing, "audit", "", "",
   [](Arguments& a, std::string_view) { a.csv = true; }, "print CSV (RFC 4180)"},
  {"--day", Takes::kValue, "tlsrpt", "", "DAY",
   [](Arguments& a, std::string_view v) { a.day = v; },
   "the day, as 2026-03-01; default yesterday"},
  {"--days", Takes::kValue, "audit", "", "N",
   [](Arguments& a, std::string_view v) { a.days = v; },
   "how many days before its end a certificate counts as expiring; 30"},
  {"--diff", Takes::kValue, "check", "", "NEW",
   [](Arguments& a, std::string_view v) { a.diff = v; },
   "compare with this configuration: who would be treated differently"},
  {"--directory", Takes::kValue, "audit cert check explain session", "", "live|FILE|none",
   [](Arguments& a, std::string_view v) { a.directory = v; },
   "where lookups are answered: as configured, from an LDIF file, or nowhere"},
  {"--from", Takes::kValue, "explain", "", "ADDRESS",
   [](Arguments& a, std::string_view v) { a.senders.emplace_back(v); },
   "the sender of MAIL; \"<>\" for none"},
  {"--from", Takes::kValue, "pins", "", "DATE",
   [](Arguments& a, std::string_view v) { a.from = v; },
   "add: when the line begins to hold, as 2027-06-30 or 2027-06-30T12:00:00Z"},
  {"--helo", Takes::kValue, "explain", "", "NAME",
   [](Arguments& a, std::string_view v) { a.helo = v; },
   "the name in EHLO; default the client's address"},
  {"--json", Takes::kNothing, "audit cert check explain reload status why", "", "",
   [](Arguments& a, std::string_view) { a.json = true; }, "for programs: all of it as JSON"},
  {"--keep", Takes::kValue, "tickets", "", "N",
   [](Arguments& a, std::string_view v) { a.keep = v; },
   "how many secrets the file has afterwards; default 2"},
  {"--ldif", Takes::kValue, "audit", "", "FILE",
   [](Arguments& a, std::string_view v) { a.directory = v; }, "same as --directory FILE"},
  {"--listener", Takes::kValue, "audit explain session", "", "PORT",
   [](Arguments& a, std::string_view v) { a.listener = v; },
   "the port that the client has found, or ADDRESS:PORT; default the first"},
  {"--no-tls", Takes::kNothing, "explain", "", "",
   [](Arguments& a, std::string_view) { a.without_tls = true; }, "does not say STARTTLS"},
  {"--password-file", Takes::kValue, "explain", "", "FILE",
   [](Arguments& a, std::string_view v) { a.password_file = v; },
   "for --auth: its first line is the password or token; \"-\" is standard input"},
  {"--print", Takes::kNothing, "check", "", "",
   [](Arguments& a, std::string_view) { a.print_options = true; }, "same as -bP"},
  {"--set", Takes::kValue, "expand", "", "NAME=VALUE",
   [](Arguments& a, std::string_view v) { AddSetting(a, v); },
   "a variable's value; for $tls_in_peercert and $tls_in_ourcert, a PEM file"},
  {"--set", Takes::kValue, "send", "", "NAME=VALUE",
   [](Arguments& a, std::string_view v) { AddSetting(a, v); },
   "a setting, as in the file"},
  {"--sni", Takes::kValue, "explain session", "", "NAME",
   [](Arguments& a, std::string_view v) { a.server_name = v; },
   "the server name that the client asks for in TLS"},
  {"--socket", Takes::kValue, "check reload serve status why", "", "PATH",
   [](Arguments& a, std::string_view v) { a.socket = v; },
   "the server's control socket, without looking at the configuration"},
  {"--table", Takes::kNothing, "check", "", "",
   [](Arguments& a, std::string_view) { a.print_table = true; },
   "print every option: value, default, where it is set, meaning"},
  {"--take-over", Takes::kNothing, "serve", "", "",
   [](Arguments& a, std::string_view) { a.take_over = true; },
   "take the place of the running server, which ends with its sessions"},
  {"--tls1.2", Takes::kNothing, "explain session", "", "",
   [](Arguments& a, std::string_view) { a.tls12 = true; }, "TLS 1.2 instead of 1.3"},
  {"--to", Takes::kValue, "explain", "", "ADDRESS",
   [](Arguments& a, std::string_view v) { a.recipients.emplace_back(v); },
   "a recipient; may be said again"},
  {"--trace", Takes::kNothing, "session", "", "",
   [](Arguments& a, std::string_view) { a.trace = true; }, "show each step of what is decided"},
  {"--until", Takes::kValue, "pins", "", "DATE",
   [](Arguments& a, std::string_view v) { a.until = v; },
   "add: the last day or second for which the line holds"},
  {"--user", Takes::kValue, "explain", "", "NAME",
   [](Arguments& a, std::string_view v) { a.auth_user = v; }, "for --auth: who it is"},
  {"-C", Takes::kValue, "audit cert check expand explain reload serve session status tlsrpt why", "", "FILE",
   [](Arguments& a, std::string_view v) { a.config_file = v; },
   "configuration file; default /etc/signet/signet.conf"},
  {"-C", Takes::kValue, "send", "", "FILE",
   [](Arguments& a, std::string_view v) {
     a.config_file = v;
     a.send_config_given = true;
   },
   "the settings, in place of both files"},
  {"-D", Takes::kValue, "audit cert check expand explain reload serve session status tlsrpt why", "", "NAME=VALUE",
   [](Arguments& a, std::string_view v) { AddMacro(a, v); },
   "a macro; definitions of that name in the file are ignored"},
  {"-bP", Takes::kNothing, "check", "check", "",
   [](Arguments& a, std::string_view) { a.print_options = true; },
   "print the effective settings, or those named"},
  {"-bV", Takes::kNothing, "check", "check", "",
   [](Arguments& a, std::string_view) { a.print_version = true; },
   "print the version too"},
  {"-bd", Takes::kNothing, "serve", "serve", "",
   [](Arguments& a, std::string_view) { a.background = true; },
   "go to the background once serving"},
  {"-bdf", Takes::kNothing, "serve", "serve", "",
   [](Arguments& a, std::string_view) { a.background = false; }, "stay in the foreground"},
  {"-be", Takes::kNothing, "expand", "expand", "", [](Arguments&, std::string_view) {},
   "Exim's name of this verb"},
  {"-bh", Takes::kNothing, "session", "session", "", &Nothing, "Exim's name of this verb"},
  {"-d", Takes::kRest, "serve", "", "",
   [](Arguments& a, std::string_view) { a.debug = true; },
   "stay in the foreground, whatever -bd says"},
  {"-oP", Takes::kValue, "serve", "", "FILE",
   [](Arguments& a, std::string_view v) { a.pid_file = v; }, "write the process id there"},
  {"-oX", Takes::kValue, "serve", "", "LIST",
   [](Arguments& a, std::string_view v) { a.ports = v; },
   "ports and addresses to listen on instead of the configured ones"},
  {"-tls-on-connect", Takes::kNothing, "serve", "", "",
   [](Arguments& a, std::string_view) { a.tls_on_connect = true; },
   "TLS from the start on every port"},

  // What programs say to sendmail.
  {"-B", Takes::kValue, "send", "", "TYPE", &Nothing, "ignored: the body is looked at"},
  {"-F", Takes::kValue, "send", "", "NAME",
   [](Arguments& a, std::string_view v) { a.full_name = v; },
   "the sender's name, where the message has no From"},
  {"-N", Takes::kValue, "send", "", "DSN", &Nothing, "ignored"},
  {"-O", Takes::kValue, "send", "", "NAME=VALUE", &Nothing, "ignored"},
  {"-R", Takes::kValue, "send", "", "RET", &Nothing, "ignored"},
  {"-bm", Takes::kNothing, "send", "", "", &Nothing, "send a message, as without it"},
  {"-bi", Takes::kNothing, "send", "", "",
   [](Arguments& a, std::string_view) { a.not_for_us = "-bi"; }, "nothing to do: no aliases"},
  {"-bp", Takes::kNothing, "send", "", "",
   [](Arguments& a, std::string_view) { a.not_for_us = "-bp"; }, "says that there is no queue"},
  {"-f", Takes::kValue, "send", "", "SENDER", &SetSender, "the sender of the envelope; \"<>\" for none"},
  {"-i", Takes::kNothing, "send", "", "",
   [](Arguments& a, std::string_view) { a.dot_is_text = true; },
   "a line with a lone dot is text"},
  {"-m", Takes::kNothing, "send", "", "", &Nothing, "ignored"},
  {"-n", Takes::kNothing, "send", "", "", &Nothing, "ignored: there are no aliases"},
  {"-o", Takes::kRest, "send", "", "", &Nothing, "-oem, -odb and the like: ignored"},
  {"-oi", Takes::kNothing, "send", "", "",
   [](Arguments& a, std::string_view) { a.dot_is_text = true; }, "same as -i"},
  {"-r", Takes::kValue, "send", "", "SENDER", &SetSender, "same as -f"},
  {"-t", Takes::kNothing, "send", "", "",
   [](Arguments& a, std::string_view) { a.recipients_in_header = true; },
   "the recipients of To, Cc and Bcc too; Bcc is taken out"},
  {"-ti", Takes::kNothing, "send", "", "",
   [](Arguments& a, std::string_view) { a.recipients_in_header = a.dot_is_text = true; },
   "same as -t -i"},
  {"-v", Takes::kNothing, "send", "", "",
   [](Arguments& a, std::string_view) { a.verbose = true; },
   "show what is said to the host, and what it answers"},
};
// clang-format on

const VerbRow* FindVerb(std::string_view name) {
  const auto* row = std::find_if(std::begin(kVerbs), std::end(kVerbs),
                                 [&](const VerbRow& r) { return r.name == name; });
  return row == std::end(kVerbs) ? nullptr : row;
}

bool HasWord(std::string_view words, std::string_view word) {
  for (std::size_t at = 0; at <= words.size();) {
    const std::size_t end = std::min(words.find(' ', at), words.size());
    if (words.substr(at, end - at) == word) return true;
    at = end + 1;
  }
  return false;
}

// A word of the command line as an option: the row, and the value that is part of the word
// ("-CFILE", "--config=FILE").
struct Match {
  const OptionRow* row = nullptr;
  std::optional<std::string_view> value;
};

Match FindAmong(std::string_view word, std::string_view verb, bool of_verb) {
  Match prefix;
  for (const OptionRow& row : kOptions) {
    if (HasWord(row.verbs, verb) != of_verb) continue;
    if (word == row.spelling) return {&row, std::nullopt};
    if (!word.starts_with(row.spelling) || row.takes == Takes::kNothing) continue;
    std::string_view rest = word.substr(row.spelling.size());
    if (!row.spelling.starts_with("--")) {
      prefix = {&row, rest};
    } else if (rest.starts_with('=')) {
      prefix = {&row, rest.substr(1)};
    }
  }
  return prefix;
}

// What some letters mean depends on the verb: its own rows go first.
Match FindOption(std::string_view word, std::string_view verb) {
  Match match = FindAmong(word, verb, true);
  return match.row != nullptr ? match : FindAmong(word, verb, false);
}

std::string Suggestion(std::string_view wrong, const std::vector<std::string_view>& names) {
  const std::string_view near = SuggestName(wrong, names);
  return near.empty() ? "" : "; did you mean \"" + std::string(near) + "\"?";
}

std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (char c : text) {
    if (IsControl(c))
      quoted += '?';
    else
      quoted += c;
  }
  return quoted + "\"";
}

UsageError UnknownVerb(std::string_view word) {
  std::vector<std::string_view> names;
  for (const VerbRow& row : kVerbs) names.push_back(row.name);
  return {"unknown verb " + Quoted(word) + Suggestion(word, names)};
}

UsageError UnknownOption(std::string_view word, std::string_view verb) {
  std::vector<std::string_view> names = {"--help"};
  for (const OptionRow& row : kOptions) {
    if (verb.empty() || HasWord(row.verbs, verb)) names.push_back(row.spelling);
  }
  return {"unknown option " + Quoted(word) + Suggestion(word.substr(0, word.find('=')), names)};
}

// --- parsing -----------------------------------------------------------------------------

// The words are read once, left to right; the verb is the first word, or whatever Exim's
// letters stand for.
class Parser {
 public:
  explicit Parser(const std::vector<std::string>& words) : words_(words) {}

  Result<Arguments, UsageError> Parse() {
    if (auto error = ReadVerb()) return Err{*error};
    for (; next_ < words_.size(); ++next_) {
      if (auto error = ReadWord(words_[next_])) return Err{*error};
    }
    if (auto error = CheckVerb()) return Err{*error};
    return std::move(arguments_);
  }

 private:
  using Wrong = std::optional<UsageError>;

  Wrong ReadVerb() {
    if (words_.empty()) return UsageError{"what is to be done? \"signet help\" lists the verbs"};
    std::string_view first = words_[0];
    if (first == "--help" || first == "-h") first = "help";
    if (first == "--version") first = "version";
    if (first.starts_with('-')) return {};
    if (FindVerb(first) == nullptr) return UnknownVerb(first);
    arguments_.verb = first;
    ++next_;
    return {};
  }

  Wrong ReadWord(std::string_view word) {
    if (only_operands_ || word == "-" || !word.starts_with('-')) {
      arguments_.operands.emplace_back(word);
      return {};
    }
    if (word == "--") {
      only_operands_ = true;
      return {};
    }
    if (word == "--help" || word == "-h") {
      asks_help_ = true;
      return {};
    }
    return ReadOption(word);
  }

  Wrong ReadOption(std::string_view word) {
    auto [row, value] = FindOption(word, arguments_.verb);
    if (row == nullptr) return UnknownOption(word, arguments_.verb);
    used_.push_back(row);
    if (auto error = TakeVerb(*row)) return error;
    if (row->takes == Takes::kValue && !value) {
      if (++next_ >= words_.size()) {
        return UsageError{"option " + std::string(row->spelling) +
                          " wants a value: " + std::string(row->value)};
      }
      value = words_[next_];
    }
    row->apply(arguments_, value.value_or(""));
    return {};
  }

  Wrong TakeVerb(const OptionRow& row) {
    if (row.verb_made.empty() || arguments_.verb == row.verb_made) return {};
    if (!arguments_.verb.empty()) {
      return UsageError{"option " + std::string(row.spelling) + " means \"signet " +
                        std::string(row.verb_made) + "\", which \"" + arguments_.verb +
                        "\" is not"};
    }
    arguments_.verb = row.verb_made;
    return {};
  }

  Wrong CheckVerb() {
    if (asks_help_) {
      arguments_.operands = arguments_.verb.empty() ? std::vector<std::string>{}
                                                    : std::vector<std::string>{arguments_.verb};
      arguments_.verb = "help";
      return {};
    }
    if (arguments_.verb.empty()) {
      for (const std::string& word : arguments_.operands)
        if (FindVerb(word) != nullptr)
          return UsageError{"the verb comes first: \"signet " + word + " ...\""};
      return UsageError{"what is to be done? say a verb first; \"signet help\" lists them"};
    }
    for (const OptionRow* row : used_) {
      if (!HasWord(row->verbs, arguments_.verb))
        return UnknownOption(row->spelling, arguments_.verb);
    }
    return CheckOperands();
  }

  Wrong CheckOperands() {
    const Arguments& a = arguments_;
    if (FindVerb(a.verb)->takes_operands || a.print_options || a.operands.empty()) return {};
    // Most other programs take their file so.
    const bool is_file = access(a.operands[0].c_str(), F_OK) == 0;
    const bool is_certificate = FindAmong("--cert", a.verb, true).row != nullptr;
    const std::string hint = a.verb == "audit" ? "; the directory stands behind --certs"
                             : is_certificate  ? "; a certificate stands behind --cert"
                                               : "; a configuration file stands behind -C";
    return UsageError{"unexpected word " + Quoted(a.operands[0]) + " after \"" + a.verb + "\"" +
                      (is_file ? hint : "")};
  }

  const std::vector<std::string>& words_;
  std::size_t next_ = 0;
  bool only_operands_ = false;
  bool asks_help_ = false;
  Arguments arguments_;
  std::vector<const OptionRow*> used_;
};

// --- help ----------------------------------------------------------------------------------

constexpr std::size_t kColumns = 80;

// The columns that UTF-8 text takes, as far as we write it: one for each character.
std::size_t Width(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

// `text` behind `left`, in lines of kColumns at most; those below the first are indented by
// `indent`. Words are apart by blanks and never broken.
std::string Wrapped(std::string left, std::string_view text, std::size_t indent) {
  std::string all, line = std::move(left);
  bool empty = true;  // no word in this line yet
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    const std::string_view word = text.substr(at, end - at);
    at = end + 1;
    if (word.empty()) continue;
    if (!empty && Width(line) + 1 + Width(word) > kColumns) {
      all += line + '\n';
      line.assign(indent, ' ');
      empty = true;
    }
    if (!empty) line += ' ';
    line += word;
    empty = false;
  }
  return all + line + '\n';
}

// Paragraphs, and lines that begin with a blank, stay apart; other lines are filled.
std::string Filled(std::string_view text) {
  std::string all, paragraph;
  auto flush = [&] {
    if (!paragraph.empty()) all += Wrapped("", paragraph, 0);
    paragraph.clear();
  };
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.front() == ' ') {
      flush();
      all += std::string(line) + '\n';
    } else {
      paragraph += (paragraph.empty() ? "" : " ") + std::string(line);
    }
  }
  flush();
  return all;
}

// Usage breaks in front of a bracket, so blanks in brackets are not where it may.
std::string UsageLine(std::string_view left, std::string line) {
  constexpr char kKept = '\x01';
  int depth = 0;
  for (char& c : line) {
    depth += c == '[' ? 1 : c == ']' ? -1 : 0;
    if (c == ' ' && depth > 0) c = kKept;
  }
  line = Wrapped(std::string(left), line, 11);
  std::replace(line.begin(), line.end(), kKept, ' ');
  return line;
}

std::string UsageLines(std::string_view usage) {
  std::string all;
  for (const std::string& line : UsagesOf(usage))
    all += UsageLine(all.empty() ? "usage: " : "       ", line);
  return all;
}

std::string OptionLine(const OptionRow& row) {
  std::string left = "  " + std::string(row.spelling);
  if (!row.value.empty()) left += " " + std::string(row.value);
  left.resize(std::max<std::size_t>(left.size() + 2, 22), ' ');
  return Wrapped(std::move(left), row.help, 22);
}

std::string GeneralHelp() {
  std::string text = "Signet " + std::string(kVersion) +
                     ": mail submission that knows senders by certificates\n\n";
  for (const VerbRow& row : kVerbs) {
    std::string left = "  " + std::string(row.name);
    left.resize(std::max<std::size_t>(left.size() + 2, 14), ' ');
    text += Wrapped(std::move(left), row.summary, 14);
  }
  return text +
         "\n\"signet VERB --help\" explains one. Exim's letters work too: -bdf, -bd, -bV, -bP,\n"
         "-be. Status: 0 good, 1 the answer is no, 2 wrong usage or configuration.\n";
}

}  // namespace

Result<Arguments, UsageError> ParseArguments(const std::vector<std::string>& words) {
  return Parser(words).Parse();
}

std::string HelpText(std::string_view verb) {
  if (verb.empty()) return GeneralHelp();
  const VerbRow* row = FindVerb(verb);
  if (row == nullptr) return "";
  std::string text = UsageLines(row->usage) + "\n" + Filled(row->help);
  bool any = false;
  for (const OptionRow& option : kOptions) {
    if (!HasWord(option.verbs, verb)) continue;
    if (!std::exchange(any, true)) text += "\n";
    text += OptionLine(option);
  }
  return text;
}

std::vector<std::string> UsagesOf(std::string_view usage) {
  std::vector<std::string> usages;
  while (!usage.empty()) {
    const std::size_t end = std::min(usage.find('\n'), usage.size());
    const std::string line(Trim(usage.substr(0, end)));
    usage.remove_prefix(std::min(end + 1, usage.size()));
    if (usages.empty() || line.starts_with("signet ")) {
      usages.push_back(line);
    } else {
      usages.back() += " " + line;
    }
  }
  return usages;
}

std::vector<VerbFacts> Verbs() {
  std::vector<VerbFacts> verbs;
  for (const VerbRow& row : kVerbs) {
    verbs.push_back({row.name, row.usage, row.summary, row.help, {}});
    for (const OptionRow& option : kOptions) {
      if (HasWord(option.verbs, row.name))
        verbs.back().options.push_back({option.spelling, option.value, option.help});
    }
  }
  return verbs;
}

}  // namespace signet::cli
