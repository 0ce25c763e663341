#include "test/support/explained.h"

#include "src/base/codec.h"
#include "test/support/process.h"
#include "test/support/smtp_client.h"

namespace signet::test {
namespace {

constexpr char kHelo[] = "client.example.org";

int CodeOf(const std::string& reply) {
  return reply.size() < 3 ? 0 : std::stoi(reply.substr(0, 3));
}

}  // namespace

std::string WithoutReference(std::string reply) {
  constexpr std::string_view kBegin = " (reference ";
  std::size_t at = 0;
  while ((at = reply.find(kBegin, at)) != std::string::npos) {
    const std::size_t end = reply.find(')', at);
    reply.erase(at, end == std::string::npos ? end : end + 1 - at);
  }
  return reply;
}

Explained Explain(const std::string& config_file, const Caller& caller,
                  const std::vector<std::string>& options) {
  std::vector<std::string> words = {BuildDirectory() + "/signet",
                                    "explain",
                                    "--json",
                                    "-C",
                                    config_file,
                                    "--client-ip",
                                    "127.0.0.1",
                                    "--helo",
                                    kHelo,
                                    "--listener",
                                    std::to_string(caller.port),
                                    "--from",
                                    caller.from.empty() ? "<>" : caller.from,
                                    "--to",
                                    caller.to};
  if (!caller.certificate.empty()) words.insert(words.end(), {"--cert", caller.certificate});
  TempDir directory;
  if (!caller.mechanism.empty()) {
    const std::string file = directory / "password";
    WriteFile(file, caller.password + "\n");
    words.insert(words.end(),
                 {"--auth", caller.mechanism, "--user", caller.user, "--password-file", file});
  }
  words.insert(words.end(), options.begin(), options.end());
  const Finished finished = Run(words);
  Explained explained;
  explained.status = finished.status;
  explained.output = finished.output;
  auto decision = report::DecisionFromJson(finished.output);
  if (!decision) {
    explained.output += "\n(" + decision.error() + ")";
    return explained;
  }
  explained.decision = std::move(decision).value();
  for (const facts::TraceStep& step : explained.decision.steps)
    if (step.kind == facts::TraceStep::Kind::kCommand)
      explained.replies.emplace_back(step.what, step.value);
  return explained;
}

namespace {

// As far as it goes without a refusal.
void Converse(const Caller& caller, SmtpClient* client, Replies* replies) {
  const auto note = [&](const std::string& command) {
    if (client->reply().empty()) return false;  // it has hung up
    replies->emplace_back(command, WithoutReference(client->reply()));
    return CodeOf(client->reply()) < 400 && CodeOf(client->reply()) > 0;
  };
  const auto say = [&](const std::string& command) {
    client->Say(command);
    return note(command);
  };
  const std::string hello = std::string("EHLO ") + kHelo;
  if (caller.tls_on_connect) {
    if (!client->StartTls(caller.certificate, caller.key)) return;
    client->ReadReply();
  }
  if (!note("connection") || !say(hello)) return;
  if (!caller.tls_on_connect && client->reply().find("STARTTLS") != std::string::npos) {
    if (!say("STARTTLS") || !client->StartTls(caller.certificate, caller.key)) return;
    if (!say(hello)) return;
  }
  if (!caller.mechanism.empty()) {
    const std::string a(1, '\x01'), nul(1, '\0');
    const std::string response =
        caller.mechanism == "PLAIN"
            ? nul + caller.user + nul + caller.password
            : "n,a=" + caller.user + "," + a + "auth=Bearer " + caller.password + a + a;
    client->Say("AUTH " + caller.mechanism + ' ' + EncodeBase64(response));
    if (!note("AUTH " + caller.mechanism + " ...")) return;
  }
  if (say("MAIL FROM:<" + caller.from + ">")) say("RCPT TO:<" + caller.to + ">");
}

}  // namespace

Replies Call(const Caller& caller) {
  Replies replies;
  SmtpClient client(caller.port, caller.tls_on_connect);
  Converse(caller, &client, &replies);
  if (!client.reply().empty()) client.Send("QUIT\r\n");  // so that the log has no loss
  return replies;
}

std::string WhereExplainDiffers(const std::string& config_file, const Caller& caller,
                                const std::vector<std::string>& options) {
  const Explained explained = Explain(config_file, caller, options);
  const Replies live = Call(caller);
  Replies offline = explained.replies;
  if (offline.size() > live.size()) offline.resize(live.size());
  const int code = live.empty() ? 0 : CodeOf(live.back().second);
  const int status = code < 400 ? 0 : code < 500 ? 75 : 1;
  if (offline == live && explained.status == status) return "";
  std::string difference = "status " + std::to_string(explained.status) + "; the server said\n";
  for (const auto& [command, reply] : live) difference += command + "\n  " + reply + '\n';
  return difference + "explain said\n" + explained.output;
}

}  // namespace signet::test
