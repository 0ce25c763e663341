#include "src/tls/key_client.h"

#include "src/base/limits.h"

namespace signet::tls {
namespace {

constexpr std::string_view kGone = "gone", kSilent = "no answer";
// A signature takes some milliseconds at most, and the worker that wants one waits for it. Where
// none comes, handshakes fail at once for a while, so that sessions which need no key go on.
constexpr std::chrono::seconds kSignAnswer{1};
constexpr std::chrono::seconds kLeftAlone{5};
constexpr std::size_t kLinesMax = 64;  // dead ones that are tried for one request

KeyClient* in_use = nullptr;

// Of an answer to "load", also the certificates that are in the file.
constexpr std::size_t kLoadAnswerBytes = 128 * 1024;

struct LoadAnswer {
  std::uint64_t number = 0;
  int algorithm = 0;
  unsigned bits = 0;
  std::string public_part, certificates;
};

LoadAnswer TakeLoad(std::string_view text) {
  Unpacker in(text);
  LoadAnswer answer;
  answer.number = in.Number();
  answer.algorithm = static_cast<int>(in.Number());
  answer.bits = static_cast<unsigned>(in.Number());
  answer.public_part = in.Text();
  answer.certificates = in.Text();
  return answer;
}

}  // namespace

void KeyClient::Use(KeyClient* client) { in_use = client; }
KeyClient* KeyClient::InUse() { return in_use; }

void KeyClient::SetTrouble(Trouble trouble) {
  const std::lock_guard lock(mutex_);
  trouble_ = std::move(trouble);
}

Channel KeyClient::Take() {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      Channel line = std::move(idle_.back());
      idle_.pop_back();
      return line;
    }
  }
  return connect_();
}

void KeyClient::GiveBack(Channel line) {
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(line));
}

// "" is that trouble is over.
void KeyClient::Complain(const std::string& trouble) {
  const std::lock_guard lock(mutex_);
  if (told_ == trouble) return;
  told_ = trouble;
  if (trouble_ && !trouble.empty()) trouble_(trouble);
}

Result<std::string, std::string> KeyClient::AskOn(const Channel& line, std::uint64_t request,
                                                  std::string_view text, std::size_t most,
                                                  Deadline deadline) {
  if (!line.Send(text)) return Err{std::string(kGone)};
  for (;;) {
    const auto answer = line.Receive(deadline, most);
    if (!answer) return Err{std::string(deadline.Passed() ? kSilent : kGone)};
    Unpacker in(answer->text);
    if (in.Number() != request) continue;  // nobody waits for that one any more
    const bool good = in.Text() == "good";
    if (!good) return Err{in.Text()};
    return std::string(in.rest());
  }
}

bool KeyClient::LeavesAlone() {
  const std::lock_guard lock(mutex_);
  return !alone_until_.Passed();
}

void KeyClient::LeaveAlone() {
  const std::lock_guard lock(mutex_);
  alone_until_ = Deadline::After(kLeftAlone);
}

// A line that is dead says nothing about the next one: the key process may be another by now.
Result<std::string, std::string> KeyClient::Ask(std::string_view word, const Packer& what) {
  Packer head;
  std::uint64_t request = 0;
  {
    const std::lock_guard lock(mutex_);
    request = ++last_request_;
  }
  const bool loads = word == "load";
  if (!loads && LeavesAlone()) return Err{std::string(kSilent)};
  const Deadline deadline =
      Deadline::After(loads ? std::chrono::seconds(limits::kKeyAnswer) : kSignAnswer);
  head.Put(request);
  head.Put(word);
  const std::string text = head.text() + what.text();
  if (text.size() > limits::kKeyRequestBytes) return Err{std::string("too long")};
  const std::size_t most = loads ? kLoadAnswerBytes : limits::kKeyAnswerBytes;
  for (std::size_t tries = 0; tries < kLinesMax; ++tries) {
    Channel line = Take();
    if (!line.valid()) break;
    auto answer = AskOn(line, request, text, most, deadline);
    if (!answer && answer.error() == kGone) continue;
    if (answer || answer.error() != kSilent)
      GiveBack(std::move(line));
    else if (!loads)
      LeaveAlone();
    return answer;
  }
  return Err{std::string(kGone)};
}

void KeyClient::Tell(std::string_view word, const Packer& what) {
  const Channel* line = nullptr;
  const std::lock_guard lock(mutex_);
  if (idle_.empty()) return;
  line = &idle_.back();
  Packer head;
  head.Put(++last_request_);
  head.Put(word);
  (void)line->Send(head.text() + what.text());
}

Result<RemoteKeyPtr, std::string> KeyClient::Load(const std::string& path, bool* unfit) {
  *unfit = false;
  Packer what;
  what.Put(path);
  const auto answer = Ask("load", what);
  if (!answer) {
    const std::string& text = answer.error();
    constexpr std::string_view kUnreadable = "unreadable ", kUnfit = "unfit ";
    if (text.starts_with(kUnreadable)) return Err{text.substr(kUnreadable.size())};
    *unfit = text.starts_with(kUnfit);
    if (*unfit) return Err{text.substr(kUnfit.size())};
    return Err{"cannot read \"" + path +
               "\": " + (text == kGone ? "the key process is not there" : text)};
  }
  LoadAnswer loaded = TakeLoad(answer.value());
  auto key = std::shared_ptr<RemoteKey>(new RemoteKey(*this, path));
  key->number_ = loaded.number;
  key->algorithm_ = loaded.algorithm;
  key->bits_ = loaded.bits;
  key->public_part_ = std::move(loaded.public_part);
  key->certificates_ = std::move(loaded.certificates);
  return RemoteKeyPtr(std::move(key));
}

RemoteKey::~RemoteKey() {
  Packer what;
  what.Put(number_);
  client_.Tell("drop", what);
}

Result<std::string, std::string> RemoteKey::Sign(bool hash, unsigned algorithm,
                                                 std::string_view data) const {
  const auto ask = [&](std::uint64_t number) {
    Packer what;
    what.Put(number);
    what.Put(std::uint64_t{algorithm});
    what.Put(data);
    return client_.Ask(hash ? "sign-hash" : "sign", what);
  };
  std::uint64_t number = 0;
  {
    const std::lock_guard lock(mutex_);
    number = number_;
  }
  auto answer = ask(number);
  if (!answer && answer.error() == "unknown") {
    // The key process has been replaced, and has to read the file again.
    Packer what;
    what.Put(path_);
    const auto again = client_.Ask("load", what);
    const LoadAnswer loaded = again ? TakeLoad(again.value()) : LoadAnswer();
    if (!again) {
      answer = Err{again.error()};
    } else if (loaded.public_part != public_part_) {
      answer = Err{std::string("its file has another key now")};
    } else {
      const std::lock_guard lock(mutex_);
      number_ = loaded.number;
      number = number_;
    }
    if (again && loaded.public_part == public_part_) answer = ask(number);
  }
  if (!answer) {
    const std::string why =
        answer.error() == kGone ? "the key process is not there" : answer.error();
    client_.Complain("no signature with private key \"" + path_ + "\": " + why);
    return Err{why};
  }
  auto signature = Unpacker(answer.value()).Text();
  client_.Complain("");
  return signature;
}

}  // namespace signet::tls
