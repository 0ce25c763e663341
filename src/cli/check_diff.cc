// signet check --diff: what another configuration would make of the same clients.
#include <jansson.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>

#include "src/base/log.h"
#include "src/cli/check_diff.h"
#include "src/cli/control_client.h"
#include "src/cli/modules.h"
#include "src/cli/offline.h"
#include "src/cli/report.h"
#include "src/cli/show.h"
#include "src/cli/terminal.h"
#include "src/crypto/certificate.h"
#include "src/engine/engine.h"
#include "src/report/decision_file.h"

namespace signet::cli {
namespace {

using report::Decision;
using report::DecisionPtr;

// A client to be replayed, with how often it was there.
struct Replayed {
  std::string label;  // for people
  OfflineClient client;
  std::size_t sessions = 1;
  std::string reference;  // of the last one
};

struct Clients {
  std::vector<Replayed> replayed;
  std::size_t with_passwords = 0;   // which are not known, and so cannot be replayed
  std::size_t no_certificates = 0;  // files of --certs that hold none
};

// --- from decisions ----------------------------------------------------------------------

std::string WithoutBrackets(const std::string& path) {
  return path.size() >= 2 && path.front() == '<' ? path.substr(1, path.size() - 2) : path;
}

std::string LabelOf(const Decision::Client& client) {
  std::string label = '[' + client.ip + ']';
  if (client.chain.empty()) return label + ", no certificate";
  const auto leaf = crypto::Certificate::FromDer(client.chain.front());
  if (!leaf) return label + ", a certificate that cannot be read";
  const std::string& subject = leaf.value()->subject_text();
  return label + ", " + (subject.empty() ? "(no subject)" : Printable(subject));
}

OfflineClient ClientOf(const Decision& decision) {
  const Decision::Client& was = decision.client;
  OfflineClient client;
  if (was.local_port != 0) client.listener = std::to_string(was.local_port);
  client.ip = was.ip;
  client.helo = was.helo;
  client.server_name = was.sni;
  client.tls = !was.tls_version.empty();
  client.tls12 = was.tls_version.ends_with("1.2");
  client.chain = was.chain;
  client.mechanism = was.auth;
  if (!was.auth.empty()) client.responses = {""};  // EXTERNAL: whom the certificate names
  if (!was.mail_from.empty()) client.from = WithoutBrackets(was.mail_from);
  for (const std::string& recipient : was.rcpt_to) client.to.push_back(WithoutBrackets(recipient));
  return client;
}

// Whoever comes again and again in the same way is played once.
std::string KeyOf(const OfflineClient& client) {
  std::string key = client.listener + '\n' + client.ip + '\n' + client.helo + '\n' +
                    client.server_name + '\n' + (client.tls ? "t" : "") +
                    (client.tls12 ? "2" : "") + '\n' + client.mechanism + '\n' +
                    client.from.value_or("\n") + '\n';
  for (const std::string& recipient : client.to) key += recipient + '\n';
  for (const std::string& der : client.chain) key += der;
  return key;
}

Clients ClientsOf(const std::vector<Decision>& decisions) {
  Clients clients;
  std::map<std::string, std::size_t> known;
  for (const Decision& decision : decisions) {
    if (!decision.client.auth.empty() && decision.client.auth != "EXTERNAL") {
      ++clients.with_passwords;
      continue;
    }
    Replayed replayed{LabelOf(decision.client), ClientOf(decision), 1, decision.reference};
    const auto [at, is_new] = known.emplace(KeyOf(replayed.client), clients.replayed.size());
    if (is_new) {
      clients.replayed.push_back(std::move(replayed));
    } else {
      Replayed& before = clients.replayed[at->second];
      ++before.sessions;
      before.reference = decision.reference;
    }
  }
  return clients;
}

// --- where clients come from -------------------------------------------------------------

Result<std::vector<Decision>, std::string> DecisionsOfServer(const std::string& socket) {
  const auto answer = AskServer(socket, "decisions 999999999");
  if (!answer) return Err{answer.error()};
  const std::string error = TextIn(answer.value().get(), "error");
  if (!error.empty()) return Err{"control socket " + Printable(socket) + ": " + error};
  std::vector<Decision> decisions;
  std::size_t index = 0;
  json_t* row = nullptr;
  json_array_foreach(json_object_get(answer.value().get(), "decisions"), index, row) {
    auto decision = report::DecisionFromJson(Indented(row));
    if (decision) decisions.push_back(std::move(decision).value());
  }
  return decisions;
}

Result<std::vector<Decision>, std::string> DecisionsInFile(const std::string& path) {
  auto contents = report::DecisionFile::Read(path);
  if (!contents) return Err{contents.error()};
  for (const std::string& flaw : contents.value().flaws)
    std::fprintf(stderr, "signet: %s: %s: left out\n", path.c_str(), flaw.c_str());
  // A later line takes the place of an earlier one.
  std::map<std::string, Decision> last;
  for (Decision& decision : contents.value().decisions)
    last[decision.reference] = std::move(decision);
  std::vector<Decision> decisions;
  for (auto& [reference, decision] : last) decisions.push_back(std::move(decision));
  std::stable_sort(decisions.begin(), decisions.end(),
                   [](const Decision& a, const Decision& b) { return a.time < b.time; });
  return decisions;
}

// Of the running server, or of what it has left behind.
Result<std::vector<Decision>, std::string> StoredDecisions(const Arguments& arguments,
                                                           const config::Main& main) {
  const std::string socket = arguments.socket.empty() ? main.control_socket.text : arguments.socket;
  std::string trouble = "control_socket is not set";
  if (!socket.empty()) {
    auto asked = DecisionsOfServer(socket);
    if (asked) return asked;
    trouble = asked.error();
  }
  const std::string& file = main.decisions_file.text;
  std::string file_trouble = "decisions_file is not set";
  if (!file.empty() && arguments.socket.empty()) {
    auto read = DecisionsInFile(file);
    if (read) return read;
    file_trouble = read.error();
  }
  return Err{"no stored decisions: " + trouble +
             (arguments.socket.empty() ? "; " + file_trouble : "") +
             "; --certs DIR replays certificates instead"};
}

// Each file of a directory that begins with a certificate.
Result<Clients, std::string> ClientsIn(const std::string& directory) {
  std::error_code error;
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error))
    if (entry.is_regular_file(error)) files.push_back(entry.path().string());
  if (error) return Err{Printable(directory) + ": " + error.message()};
  std::sort(files.begin(), files.end());
  Clients clients;
  for (const std::string& file : files) {
    auto chain = ReadChainFile(file);
    if (!chain) {
      ++clients.no_certificates;
      continue;
    }
    Replayed replayed{Printable(std::filesystem::path(file).filename().string()), {}, 1, ""};
    replayed.client.chain = std::move(chain).value();
    replayed.client.from_is_identity = true;
    replayed.client.to = {"postmaster@example.org"};
    clients.replayed.push_back(std::move(replayed));
  }
  return clients;
}

// --- playing -----------------------------------------------------------------------------

// What counts as the same result.
struct Outcome {
  Decision::Verdict verdict = Decision::Verdict::kRefused;
  std::string authentication, identity, headline, reason;
  bool operator==(const Outcome& other) const {
    return verdict == other.verdict && authentication == other.authentication &&
           identity == other.identity && headline == other.headline;
  }
};

Outcome OutcomeOf(OfflineSite& site, const OfflineClient& client) {
  auto played = site.Play(client);
  if (!played) return {Decision::Verdict::kRefused, "", "", "not served: " + played.error(), ""};
  Decision& decision = played.value().decision;
  return {decision.verdict, std::move(decision.authentication), std::move(decision.identity),
          std::move(decision.headline), std::move(decision.reason)};
}

bool HasListener(const OfflineSite& site, const std::string& port) {
  for (const std::string& listener : ListenersOf(*site.site().config)) {
    const std::string address = listener.substr(0, listener.find(' '));
    if (address.substr(address.rfind(':') + 1) == port) return true;
  }
  return false;
}

struct Change {
  const Replayed* who;
  Outcome before, after;
};

std::vector<Change> Play(OfflineSite& old_site, OfflineSite& new_site, Clients* clients) {
  std::vector<Change> changes;
  for (Replayed& replayed : clients->replayed) {
    // A port of the command line (-oX) is in neither.
    if (!HasListener(old_site, replayed.client.listener) &&
        !HasListener(new_site, replayed.client.listener))
      replayed.client.listener.clear();
    Change change{&replayed, OutcomeOf(old_site, replayed.client),
                  OutcomeOf(new_site, replayed.client)};
    if (!(change.before == change.after)) changes.push_back(std::move(change));
  }
  return changes;
}

// --- telling -----------------------------------------------------------------------------

std::string Counted(std::size_t number, const std::string& what) {
  return std::to_string(number) + ' ' + what + (number == 1 ? "" : "s");
}

Ink InkOf(Decision::Verdict verdict) {
  return verdict == Decision::Verdict::kAccepted  ? Ink::kGood
         : verdict == Decision::Verdict::kRefused ? Ink::kBad
                                                  : Ink::kLater;
}

std::string Told(const char* when, const Outcome& outcome, const ShowOptions& options) {
  constexpr std::size_t kBefore = 19;  // "  before  accepted "
  const std::string verdict = std::string(NameOf(outcome.verdict));
  std::string what = outcome.headline;
  if (!outcome.reason.empty()) what += "; because " + outcome.reason;
  std::string text = Padded(std::string("  ") + when, 10) +
                     Inked(Padded(verdict, kBefore - 10), InkOf(outcome.verdict), options);
  std::string indent;
  for (const std::string& line : Wrap(WithoutControls(what), options.width - kBefore)) {
    text += indent + line + '\n';
    indent.assign(kBefore, ' ');
  }
  return text;
}

std::string Told(const Change& change, const ShowOptions& options) {
  std::string who = change.who->label;
  if (change.who->sessions > 1) who += ", " + Counted(change.who->sessions, "session");
  if (!change.who->reference.empty()) who += ", " + change.who->reference;
  std::string text;
  for (const std::string& line : Wrap(WithoutControls(who), options.width))
    text += Inked(line, Ink::kBold, options) + '\n';
  return text + Told("before", change.before, options) + Told("after", change.after, options);
}

std::string Summary(const Clients& clients, const std::vector<Change>& changes) {
  std::size_t refused = 0, accepted = 0, identity = 0;
  for (const Change& change : changes) {
    const bool was = change.before.verdict == Decision::Verdict::kAccepted;
    const bool is = change.after.verdict == Decision::Verdict::kAccepted;
    refused += was && !is;
    accepted += !was && is;
    identity += change.before.identity != change.after.identity;
  }
  std::string text = Counted(clients.replayed.size(), "client") + " replayed, ";
  text += changes.empty() ? "nothing changes" : Counted(changes.size(), "result") + " would change";
  if (refused > 0) text += "; no longer accepted: " + std::to_string(refused);
  if (accepted > 0) text += "; newly accepted: " + std::to_string(accepted);
  if (identity > 0) text += "; another identity: " + std::to_string(identity);
  if (clients.with_passwords > 0)
    text += "; not replayed, because their passwords are not known: " +
            Counted(clients.with_passwords, "session");
  if (clients.no_certificates > 0)
    text += "; without a certificate: " + Counted(clients.no_certificates, "file");
  return text;
}

json_t* JsonOf(const Outcome& outcome) {
  json_t* object = json_object();
  const auto put = [object](const char* name, std::string_view text) {
    if (!text.empty()) json_object_set_new(object, name, json_stringn(text.data(), text.size()));
  };
  put("verdict", NameOf(outcome.verdict));
  put("authentication", outcome.authentication);
  put("identity", outcome.identity);
  put("headline", outcome.headline);
  put("reason", outcome.reason);
  return object;
}

std::string JsonOf(const Clients& clients, const std::vector<Change>& changes) {
  const JsonPtr root(json_object());
  const auto count = [&root](const char* name, std::size_t number) {
    json_object_set_new(root.get(), name, json_integer(static_cast<json_int_t>(number)));
  };
  count("replayed", clients.replayed.size());
  count("not_replayed", clients.with_passwords);
  count("without_certificate", clients.no_certificates);
  json_t* rows = json_array();
  for (const Change& change : changes) {
    json_t* row = json_object();
    json_object_set_new(row, "client", json_string(change.who->label.c_str()));
    json_object_set_new(row, "sessions",
                        json_integer(static_cast<json_int_t>(change.who->sessions)));
    if (!change.who->reference.empty())
      json_object_set_new(row, "reference", json_string(change.who->reference.c_str()));
    json_object_set_new(row, "before", JsonOf(change.before));
    json_object_set_new(row, "after", JsonOf(change.after));
    json_array_append_new(rows, row);
  }
  json_object_set_new(root.get(), "changes", rows);
  return Indented(root.get());
}

std::string TextOf(const Arguments& arguments, const Clients& clients,
                   const std::vector<Change>& changes) {
  const ShowOptions options = ShowOptionsFor(stdout);
  std::string text;
  for (const Change& change : changes) text += Told(change, options) + '\n';
  for (const std::string& line :
       Wrap(arguments.diff + ": " + Summary(clients, changes), options.width))
    text += line + '\n';
  return text;
}

int Complain(const std::string& text) { return ComplainWrapped(kUsage, text); }

int Compare(const Arguments& arguments, OfflineSite& old_site, OfflineSite& new_site,
            Clients* clients) {
  for (const OfflineSite* site : {&old_site, &new_site})
    if (!site->trouble().empty()) return Complain(site->trouble());
  const std::vector<Change> changes = Play(old_site, new_site, clients);
  if (!PrintText(arguments.json ? JsonOf(*clients, changes) : TextOf(arguments, *clients, changes)))
    return kUsage;
  return changes.empty() ? kGood : kNo;
}

// A configuration with the drivers that it names.
struct Side {
  std::unique_ptr<drivers::Registry> registry;
  smtp::LoadedSite loaded;
};

bool Load(const Arguments& arguments, const std::string& file, Side* side) {
  Arguments with = arguments;
  with.config_file = file;
  side->registry = MakeRegistry(with);
  if (side->registry == nullptr) return false;
  side->loaded =
      smtp::LoadSite(file, arguments.macros, *side->registry, smtp::LoadTls::kWithoutKeys);
  if (side->loaded.site != nullptr) return true;
  PrintDiagnostics(side->loaded.loaded.diagnostics);
  std::fprintf(stderr, "%s: not usable: %s\n", file.c_str(),
               CountDiagnostics(side->loaded.loaded.diagnostics).c_str());
  return false;
}

}  // namespace

int RunCheckDiff(const Arguments& arguments) {
  Side before, after;
  // The mistakes of both, where both have some.
  const bool both = Load(arguments, arguments.config_file, &before);
  if (!Load(arguments, arguments.diff, &after) || !both) return kUsage;
  Clients clients;
  if (arguments.certificates_directory.empty()) {
    const auto decisions = StoredDecisions(arguments, before.loaded.site->config->main);
    if (!decisions) return Complain(decisions.error());
    clients = ClientsOf(decisions.value());
  } else {
    auto found = ClientsIn(arguments.certificates_directory);
    if (!found) return Complain(found.error());
    clients = std::move(found).value();
  }
  if (clients.replayed.empty()) return Complain("nothing to replay: " + Summary(clients, {}));
  int status = kUsage;
  engine::RunInLoop([&] {
    const DirectoryChoice directory = ParseDirectory(arguments.directory);
    OfflineSite old_site(std::move(before.loaded), *before.registry, directory);
    OfflineSite new_site(std::move(after.loaded), *after.registry, directory);
    status = Compare(arguments, old_site, new_site, &clients);
  });
  return status;
}

}  // namespace signet::cli
