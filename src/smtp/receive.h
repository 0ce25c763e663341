#ifndef SIGNET_SRC_SMTP_RECEIVE_H_
#define SIGNET_SRC_SMTP_RECEIVE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "src/smtp/data.h"
#include "src/smtp/dialogue.h"
#include "src/smtp/header.h"
#include "src/smtp/hold.h"

namespace signet::smtp {

// How reading a message, or a part of one, ended.
enum class Read : std::uint8_t { kWhole, kTimeout, kLost, kCancelled, kHopeless };

// Receiver takes one message from the client. Its header is kept until it is whole and then
// becomes the session's envelope.headers; only then does anything go upstream: the header
// as we make it, and the body line by line. Where the ACL that is asked at the end may change
// the header, nothing goes upstream before it has: the body is held. What goes wrong drops the
// transaction, which closes the upstream connection without a dot; the rest of the message is then
// read and thrown away (rules S4, S11).
//
//   Cost      memory: the header, one line, and what the variables of the body hold (R4).
class Receiver {
 public:
  Receiver(Dialogue& dialogue, Framing framing);

  // Reads up to the end of the message, for DATA.
  Read ReadMessage();
  // Reads a chunk of so many octets, for BDAT; replies that wait are sent before the client
  // is waited for. End() tells that it was the last one.
  Read ReadChunk(std::uint64_t octets);
  void End();
  // By then the message must have come, however it does.
  Deadline whole() const { return whole_; }
  // Of all chunks so far.
  std::uint64_t chunk_bytes() const { return chunk_bytes_; }

  // Whether the message cannot be taken, and what the client is told then.
  bool failed() const { return problem() != DataProblem::kNone || trouble_.has_value(); }
  Reply refusal() const;
  // For the log, where the reply does not say it.
  std::string trouble() const { return trouble_ ? trouble_->log_text : ""; }

  bool in_header() const { return in_header_; }
  bool holds() const { return held_.has_value(); }
  // Passes a held message on, upstream being ready for it.
  void PassHeld();

  // As it went out, our own lines included.
  std::uint64_t size_bytes() const {
    return passed_bytes_ > 0 ? passed_bytes_ : decoder_.message_bytes();
  }
  const std::string& message_id() const { return message_id_; }
  bool message_id_created() const { return message_id_created_; }
  WallTime ended() const { return ended_; }  // when all of it had come

 private:
  struct Trouble {
    Reply reply;
    std::string log_text;
  };

  DataProblem problem() const;
  Read Fill();
  void RenewLineDeadline();
  std::size_t Take(std::string_view octets);
  void TakeLine(std::string_view line);
  void TakeBodyLine(std::string_view line);
  void KeepEnds(std::string_view line);
  std::size_t BodyVisible() const;
  void EndHeader();
  void PassHeaderOn();
  void PassOn(std::string_view line);
  void DropIfWrong();
  void Fail(Reply reply, std::string log_text);
  void FailToHold();
  facts::Envelope& envelope() { return dialogue_.session().envelope; }

  Dialogue& dialogue_;
  const Deadline whole_ = Deadline::After(limits::kMessageTotal);
  Deadline line_ = Deadline::Never();
  std::uint64_t seen_ = 0;  // of the message, when line_ was renewed
  std::uint64_t chunk_bytes_ = 0;
  DataDecoder decoder_;
  HeaderReader reader_;
  bool in_header_ = true;
  std::optional<HeldBody> held_;
  std::optional<Trouble> trouble_;
  bool upstream_listens_ = true;
  std::uint64_t passed_bytes_ = 0;
  std::string message_id_;
  bool message_id_created_ = false;
  WallTime ended_;
};

// What stands behind BDAT: a number of octets, and perhaps LAST.
struct Chunk {
  std::uint64_t octets = 0;
  bool last = false;
};
// nullopt where it is anything else. Nobody knows then where the octets end (rule S6).
std::optional<Chunk> ParseChunk(std::string_view argument);

// The octets of a chunk that nobody wants are read and thrown away, up to this many; beyond
// it the connection ends (rule S6).
std::uint64_t ChunkDrainMax(std::uint64_t message_size_limit);

// The first half of a message's reception: what must be so before it may come. nullopt where
// it may.
std::optional<Answer> StartReceiving(Dialogue& dialogue, const Receiver& receiver);
// Its second half, once it has come or will not.
Answer FinishReceiving(Dialogue& dialogue, Receiver& receiver, Read read);

}  // namespace signet::smtp
#endif
