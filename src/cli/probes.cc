#include "src/cli/probes.h"

#include <algorithm>
#include <map>
#include <set>

#include "src/base/codec.h"
#include "src/base/codes.h"
#include "src/base/limits.h"
#include "src/base/log.h"
#include "src/base/text.h"
#include "src/config/config.h"
#include "src/server/listener.h"

namespace signet::cli {
namespace {

// RFC 2606 keeps the domain: it is in nobody's list.
constexpr std::string_view kForeign = "signet-probe.invalid";

// A certificate that its own key vouches for, and nobody else: "CN=stranger", made for TLS
// clients. Its key is gone.
constexpr std::string_view kStranger =
    "MIIByDCCAW6gAwIBAgIUSPqs0UQdEWnm9OfUZ+bFHU/luxUwCgYIKoZIzj0EAwIwEzERMA8GA1UE"
    "AwwIc3RyYW5nZXIwIBcNMjYxMTIxMjMzNDA0WhgPMjEyNjEwMjgyMzM0MDRaMBMxETAPBgNVBAMM"
    "CHN0cmFuZ2VyMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEyDzzVz6SAoPyRKA69NDpDjpm57PD"
    "PEMWEFlcwk/6zqNSlDdbFTrf07d8BOUJ2+j0R1Q/KNYTWe/iw4MkH8NPW6OBnTCBmjAdBgNVHQ4E"
    "FgQUmjM6CAsuKXtoR+z1vMf5QR7t2uIwHwYDVR0jBBgwFoAUmjM6CAsuKXtoR+z1vMf5QR7t2uIw"
    "KAYDVR0RBCEwH4Edc3RyYW5nZXJAc2lnbmV0LXByb2JlLmludmFsaWQwEwYDVR0lBAwwCgYIKwYB"
    "BQUHAwIwCwYDVR0PBAQDAgeAMAwGA1UdEwEB/wQCMAAwCgYIKoZIzj0EAwIDSAAwRQIgJcLAklzw"
    "jEFm69SO46J6uxWF78JRxq/LKRRj/9tkeNECIQDHIrb+nbtAQqtii3GGuAnzUz86S++xucd0htAI"
    "vFt7TQ==";

// Who asks.
struct Stranger {
  std::string words;
  OfflineClient client;
};

std::vector<Stranger> Strangers() {
  OfflineClient plain, v6, clear, unknown;
  plain.ip = "192.0.2.66";
  v6.ip = "2001:db8::66";
  clear.ip = plain.ip;
  clear.tls = false;
  unknown.ip = plain.ip;
  unknown.chain = {DecodeBase64(kStranger).value_or("")};
  return {{"a client at 192.0.2.66 without a certificate", plain},
          {"a client at 2001:db8::66 without a certificate", v6},
          {"a client at 192.0.2.66 without TLS", clear},
          {"a client at 192.0.2.66 with a certificate of an unknown authority", unknown}};
}

// Whom it names, `here` being a domain of ours. The last forms are for servers behind that
// read more into a local part than there is.
std::vector<std::string> Recipients(const std::string& here) {
  const std::string there(kForeign);
  return {"victim@" + there,
          "postmaster@" + there,
          "victim@" + there + ".",
          "victim@[198.51.100.66]",
          "victim@" + here + "." + there,
          "victim@not" + here,
          "@" + here + ":victim@" + there,
          "victim%" + there + "@" + here,
          "\"victim@" + there + "\"@" + here,
          there + "!victim@" + here};
}

std::vector<std::string> Senders(const std::string& here) {
  return {"someone@" + std::string(kForeign), "", "someone@" + here};
}

// The digits of the last reply in what was sent; 0 where there is none.
int CodeOf(std::string_view replies) {
  if (replies.ends_with("\r\n")) replies.remove_suffix(2);
  const std::size_t begin = replies.rfind("\r\n");
  const std::string_view last = begin == replies.npos ? replies : replies.substr(begin + 2);
  if (last.size() < 3 || !std::all_of(last.begin(), last.begin() + 3, IsDigit)) return 0;
  return (last[0] - '0') * 100 + (last[1] - '0') * 10 + (last[2] - '0');
}

// One session: what each recipient was answered, until it ends.
struct Answers {
  std::vector<int> codes;
  std::vector<std::string> texts;
};

class Session {
 public:
  Session(const OfflineClient& client, std::string sender, std::vector<std::string> recipients)
      : tls_(client.tls), sender_(std::move(sender)), recipients_(std::move(recipients)) {}

  std::optional<std::string> Next(std::string_view replies) {
    const int code = CodeOf(replies);
    switch (step_) {
      case kHello:
        if (code >= 400) return std::nullopt;
        step_ = kMail;
        return "EHLO " + std::string(kForeign);
      case kMail:
        if (code >= 400) return Ended(code, replies);
        if (tls_ && replies.find("STARTTLS") != replies.npos) {
          step_ = kHello;
          return "STARTTLS";
        }
        step_ = kRcpt;
        return "MAIL FROM:<" + sender_ + ">";
      case kRcpt:
        if (!mail_taken_ && code / 100 != 2) return Ended(code, replies);
        if (mail_taken_) Note(code, replies);
        mail_taken_ = true;
        if (next_ == recipients_.size()) return std::nullopt;
        return "RCPT TO:<" + recipients_[next_++] + ">";
    }
    return std::nullopt;
  }
  Answers answers;

 private:
  enum Step { kHello, kMail, kRcpt };

  void Note(int code, std::string_view text) {
    if (code == 0 || answers.codes.size() == recipients_.size()) return;
    answers.codes.push_back(code);
    answers.texts.emplace_back(text);
  }
  // What was said earlier holds for all that was not asked any more.
  std::optional<std::string> Ended(int code, std::string_view text) {
    for (std::size_t i = 0; i < recipients_.size(); ++i) Note(code, text);
    return std::nullopt;
  }

  const bool tls_;
  const std::string sender_;
  const std::vector<std::string> recipients_;
  Step step_ = kHello;
  bool mail_taken_ = false;
  std::size_t next_ = 0;
};

// What was accepted, and by which statement.
struct Accepted {
  std::string who, listener, sender, recipient;
  std::string place;
  std::size_t more = 0;
};

class Prober {
 public:
  explicit Prober(OfflineSite* site) : site_(*site), config_(*site->site().config) {}

  RelayProbes Run() {
    for (const std::string& listener : Listeners())
      for (const Stranger& stranger : Strangers())
        for (const std::string& sender : Senders(Here())) Ask(listener, stranger, sender);
    for (const auto& [place, accepted] : accepted_) Report(accepted);
    return std::move(result_);
  }

 private:
  const std::string& Here() const {
    const config::Main& main = config_.main;
    return main.qualify_domain.empty() ? main.primary_hostname : main.qualify_domain;
  }

  // Addresses of all interfaces are one for each port.
  std::vector<std::string> Listeners() const {
    std::vector<std::string> listeners;
    std::set<std::string> known;
    const auto set = server::ListeningSet(config_.main, {});
    if (!set) return listeners;
    for (const server::ListenAddress& one : set.value()) {
      const bool any = one.ip == "0.0.0.0" || one.ip == "::" || one.ip == "::0";
      const std::string key = (any ? "" : one.ip) + '/' + std::to_string(one.port);
      if (known.insert(key).second) listeners.push_back(one.Text());
    }
    return listeners;
  }

  // A session may be ended by the server; the rest is asked in the next one.
  void Ask(const std::string& listener, const Stranger& stranger, const std::string& sender) {
    std::vector<std::string> recipients = Recipients(Here());
    while (!recipients.empty()) {
      if (std::chrono::steady_clock::now() > until_) {
        result_.complete = false;
        return;
      }
      const Answers answers = Talk(listener, stranger.client, sender, recipients).first;
      for (std::size_t i = 0; i < answers.codes.size(); ++i)
        Judge(listener, stranger, sender, recipients[i], answers.codes[i], answers.texts[i]);
      // One that gets no answer at all is left out.
      const std::size_t done = std::max<std::size_t>(answers.codes.size(), 1);
      recipients.erase(recipients.begin(), recipients.begin() + static_cast<std::ptrdiff_t>(done));
    }
  }

  std::pair<Answers, report::Decision> Talk(const std::string& listener, OfflineClient client,
                                            const std::string& sender,
                                            const std::vector<std::string>& recipients) {
    client.listener = listener;
    Session session(client, sender, recipients);
    const auto played = site_.Converse(
        client, [&](std::string_view replies) { return session.Next(replies); }, nullptr);
    if (!played) return {std::move(session.answers), report::Decision()};
    for (const std::string& line : played.value().log) Hear(line);
    return {std::move(session.answers), played.value().decision};
  }

  // A driver that is not as its clients need it says so, in the log of a server.
  void Hear(const std::string& line) {
    for (const config::Authenticator& one : config_.authenticators) {
      const std::string begin = one.name + " authenticator: not offered: ";
      if (!line.starts_with(begin) || !heard_.insert(line).second) continue;
      result_.others.push_back({Severity::kWarning,
                                one.name_span,
                                "authenticator \"" + one.name +
                                    "\" is offered to no client: " + line.substr(begin.size()),
                                {},
                                {},
                                code::kNeverRuns});
    }
  }

  void Judge(const std::string& listener, const Stranger& stranger, const std::string& sender,
             const std::string& recipient, int code, const std::string& text) {
    ++result_.recipients;
    if (code / 100 == 4) {
      if (result_.deferred++ == 0) result_.deferral = Trim(text);
      return;
    }
    if (code / 100 != 2) return;
    ++result_.accepted;
    // Once more by itself, so that its steps are not lost among many.
    const auto again = Talk(listener, stranger.client, sender, {recipient});
    const std::string place = PlaceOfStatement(again.second);
    auto [found, is_new] =
        accepted_.try_emplace(place, Accepted{stranger.words, listener, sender, recipient, place});
    if (!is_new) ++found->second.more;
  }

  // The statement of the RCPT ACL itself that decided.
  static std::string PlaceOfStatement(const report::Decision& decision) {
    using Kind = facts::TraceStep::Kind;
    std::string place;
    std::uint16_t depth = 0;
    bool in_rcpt = false;
    for (const facts::TraceStep& step : decision.steps) {
      if (step.kind == Kind::kCommand) in_rcpt = step.what.starts_with("RCPT");
      if (!in_rcpt || step.kind != Kind::kStatement) continue;
      if (step.outcome != facts::TraceStep::Outcome::kYes) continue;
      if (!place.empty() && step.depth > depth) continue;
      place = step.place;
      depth = step.depth;
    }
    return place;
  }

  // "FILE:LINE:COLUMN" → the word that stands there, or what acl_smtp_rcpt says.
  SourceSpan SpanOf(const std::string& place) const {
    for (const auto& text : config_.texts) {
      if (!text->pieces().empty() || !place.starts_with(text->name() + ":")) continue;
      std::size_t at = 0;
      const SourceSpan whole = text->whole();
      for (std::size_t from = 0; from <= whole.view().size(); from = at + 1) {
        at = std::min(whole.view().find('\n', from), whole.view().size());
        for (std::size_t i = from; i < at; ++i) {
          if (IsSpace(whole.view()[i]) || (i > from && !IsSpace(whole.view()[i - 1]))) continue;
          if (PlaceOf(whole.Part(i, i + 1)) != place) continue;
          std::size_t end = i;
          while (end < at && !IsSpace(whole.view()[end])) ++end;
          return whole.Part(i, end);
        }
      }
    }
    return config_.main.acl[static_cast<std::size_t>(config::AclWhen::kRcpt)].span;
  }

  void Report(const Accepted& one) {
    const std::string more =
        one.more == 0 ? "" : ", and " + std::to_string(one.more) + " more like it";
    result_.findings.push_back(
        {Severity::kWarning,
         SpanOf(one.place),
         "an open relay: " + one.who + ", on " + one.listener + ", may send from <" +
             Printable(one.sender) + "> to <" + Printable(one.recipient) + ">" + more,
         "accept only who is authenticated (authenticated = *), or domains that are yours "
         "(domains = …), and refuse %, @, ! and / in local parts before that",
         {},
         code::kOpenRelay});
  }

  OfflineSite& site_;
  const config::Config& config_;
  const std::chrono::steady_clock::time_point until_ =
      std::chrono::steady_clock::now() + limits::kProbesTotal;
  RelayProbes result_;
  std::map<std::string, Accepted> accepted_;  // by place
  std::set<std::string> heard_;
};

}  // namespace

RelayProbes ProbeRelay(OfflineSite* site) { return Prober(site).Run(); }

}  // namespace signet::cli
