#include "src/relay/client.h"

#include <algorithm>
#include <array>
#include <utility>

#include "src/base/limits.h"
#include "src/base/text.h"

namespace signet::relay {
namespace {

constexpr std::size_t kFlushBytes = 16 * 1024;  // one TLS record
constexpr std::size_t kCommandBytes = 2000;     // RFC 5321 says 512, parameters add to it
constexpr std::chrono::seconds kFarewell{5};    // for the answer to QUIT

bool IsCommand(std::string_view line, bool utf8) {
  if (line.empty() || line.size() > kCommandBytes) return false;
  const auto is_high = [](char c) { return (c & 0x80) != 0; };
  if (std::any_of(line.begin(), line.end(), is_high) && !(utf8 && IsValidUtf8(line))) return false;
  return std::none_of(line.begin(), line.end(), IsControl);
}

}  // namespace

bool AppendEncodedLine(std::string_view line, std::string* out) {
  if (line.find_first_of(std::string_view("\r\n\0", 3)) != line.npos) return false;
  if (line.starts_with('.')) *out += '.';
  *out += line;
  *out += "\r\n";
  return true;
}

SmtpClient::SmtpClient(std::unique_ptr<tls::Stream> stream, ClientTimes times)
    : stream_(std::move(stream)), times_(times) {}
SmtpClient::~SmtpClient() = default;

SmtpClient::Answer SmtpClient::ReadGreeting() {
  awaited_ = 1;
  return ReadReply(Deadline::After(times_.command));
}

SmtpClient::Answer SmtpClient::Hello(std::string_view name) {
  Answer reply = NoteOffered(Command("EHLO " + std::string(name)));
  if (!reply.ok() || reply.value().digit() != 5) return reply;
  return Command("HELO " + std::string(name));
}

SmtpClient::Answer SmtpClient::LmtpHello(std::string_view name) {
  return NoteOffered(Command("LHLO " + std::string(name)));
}

SmtpClient::Answer SmtpClient::NoteOffered(Answer reply) {
  if (reply.ok() && reply.value().code == 250) offered_ = ReadOffered(reply.value());
  return reply;
}

SmtpClient::Answer SmtpClient::Command(std::string_view line) {
  if (!SendAll(std::span(&line, 1))) return Err{problem_};
  return Receive();
}

bool SmtpClient::Send(const std::vector<std::string>& lines) {
  return SendAll(std::vector<std::string_view>(lines.begin(), lines.end()));
}

SmtpClient::Answer SmtpClient::Secret(const SecretText& line) {
  secret_ = true;
  Answer answer = Command(line.Reveal());
  secret_ = false;
  return answer;
}

bool SmtpClient::SendAll(std::span<const std::string_view> lines) {
  if (broken()) return false;
  for (std::string_view line : lines)
    if (!IsCommand(line, offered_.smtputf8))
      return (void)Fail("a command that cannot be sent"), false;
  if (awaited_ > 0 || !InStep())
    return (void)Fail("the upstream spoke out of turn or is gone"), false;
  awaited_by_ = Deadline::After(times_.command);
  if (secret_) out_.reserve(kCommandBytes + 2);  // no copies are left where it grew
  for (std::string_view line : lines) {
    out_ += line;
    out_ += "\r\n";
  }
  awaited_ = lines.size();
  return Flush(awaited_by_);
}

SmtpClient::Answer SmtpClient::Receive() {
  if (broken()) return Err{problem_};
  if (awaited_ == 0) return Fail("no reply is awaited");
  return ReadReply(awaited_by_);
}

SmtpClient::Answer SmtpClient::StartData() {
  Answer reply = Command("DATA");
  if (!reply.ok()) return reply;
  if (reply.value().code == 354)
    in_data_ = true;
  else if (reply.value().digit() < 4)
    return Fail("unexpected reply to DATA: " + reply.value().ForLog());
  return reply;
}

Result<facts::Tls, std::string> SmtpClient::StartTls(const tls::ClientOptions& options) {
  const Answer answer = Command("STARTTLS");
  if (!answer.ok()) return Err{problem_};
  if (answer.value().code != 220) return Fail(answer.value().ForLog());
  if (!InStep()) return Fail("input waits in clear behind the reply to STARTTLS (rule T1)");
  return BeginTls(options);
}

Result<facts::Tls, std::string> SmtpClient::BeginTls(const tls::ClientOptions& options) {
  if (broken()) return Err{problem_};
  engine::Socket socket = std::move(*stream_->socket());
  stream_.reset();
  auto dialled =
      tls::DialTls(std::move(socket), options, Deadline::After(limits::kUpstreamTlsHandshake));
  if (!dialled.ok()) return Fail(dialled.error());
  stream_ = std::move(dialled.value().stream);
  offered_ = {};
  return std::move(dialled.value().facts);
}

bool SmtpClient::WriteLine(std::string_view line) {
  if (broken() || !in_data_) return false;
  if (!AppendEncodedLine(line, &out_)) {
    (void)Fail("a line that cannot be sent");
    return false;
  }
  if (out_.size() < kFlushBytes) return true;
  if (!InStep()) {
    (void)Fail("the upstream spoke during the message or is gone");
    return false;
  }
  return Flush(Deadline::After(times_.data));
}

SmtpClient::Answer SmtpClient::FinishData() {
  if (!FinishData(1)) return Err{problem_};
  return Receive();
}

bool SmtpClient::FinishData(std::size_t replies) {
  if (broken()) return false;
  if (!in_data_) return (void)Fail("no message is being sent"), false;
  if (!InStep()) return (void)Fail("the upstream spoke during the message or is gone"), false;
  out_ += ".\r\n";
  if (!Flush(Deadline::After(times_.data))) return false;
  in_data_ = false;
  awaited_ = replies;
  awaited_by_ = Deadline::After(times_.final);
  return true;
}

void SmtpClient::Leave() {
  if (stream_ == nullptr) return;
  engine::Loop* loop = engine::Loop::Current();
  const bool in_step = !broken() && !in_data_;
  if (in_step) problem_ = "left";
  if (!in_step || loop == nullptr) return stream_.reset();
  loop->Spawn([stream = std::shared_ptr<tls::Stream>(std::move(stream_))] {
    Deadline deadline = Deadline::After(kFarewell);
    std::array<char, 512> ignored;
    if (!stream->Write("QUIT\r\n", deadline).ok()) return;
    // Reading to the end lets the upstream close first; what it says is of no interest.
    for (int reads = 0; reads < 8; ++reads)
      if (!stream->Read(ignored.data(), ignored.size(), deadline).ok()) return;
  });
}

// What stands behind the last reply that is awaited belongs to no command of ours (U4).
SmtpClient::Answer SmtpClient::ReadReply(Deadline deadline) {
  ReplyParser parser;
  std::array<char, 2048> octets;
  while (!FeedWaiting(&parser)) {
    engine::IoResult read = stream_->Read(octets.data(), octets.size(), deadline);
    if (!read.ok()) return Fail(engine::Describe(read));
    in_.append(octets.data(), read.bytes);
  }
  --awaited_;
  if (awaited_ == 0 && parser.state() == ReplyParser::State::kDone) {
    parser.Feed(in_);
    in_.clear();
  }
  if (parser.state() == ReplyParser::State::kBad)
    return Fail("unusable reply: " + parser.problem());
  return parser.reply();
}

// Whether the parser has come to an end with what is there.
bool SmtpClient::FeedWaiting(ReplyParser* parser) {
  std::size_t used = 0;
  while (used < in_.size() && parser->state() == ReplyParser::State::kMore)
    parser->Feed(std::string_view(in_).substr(used++, 1));
  in_.erase(0, used);
  return parser->state() != ReplyParser::State::kMore;
}

bool SmtpClient::Flush(Deadline deadline) {
  std::string octets = std::exchange(out_, {});
  engine::IoResult written = stream_->Write(octets, deadline);
  if (secret_) explicit_bzero(octets.data(), octets.size());
  if (!written.ok()) (void)Fail(engine::Describe(written));
  return written.ok();
}

bool SmtpClient::InStep() { return in_.empty() && !stream_->InputPending(); }

Err<std::string> SmtpClient::Fail(std::string problem) {
  problem_ = std::move(problem);
  return Err{problem_};
}

}  // namespace signet::relay
