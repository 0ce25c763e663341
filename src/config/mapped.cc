#include "src/config/mapped.h"

#include <algorithm>

#include "src/base/text.h"

namespace signet::config {

void MappedText::AppendPiece(SourceText::Piece piece, std::string_view octets) {
  if (octets.empty()) return;
  if (!pieces_.empty() && piece.verbatim && pieces_.back().verbatim &&
      pieces_.back().from.text == piece.from.text && pieces_.back().from.end == piece.from.begin) {
    pieces_.back().from.end = piece.from.end;
  } else {
    pieces_.push_back(piece);
  }
  text_ += octets;
}

void MappedText::Append(SourceSpan from) {
  AppendPiece({static_cast<std::uint32_t>(size()), from, true}, from.view());
}

void MappedText::AppendReplacement(std::string_view text, SourceSpan origin) {
  AppendPiece({static_cast<std::uint32_t>(size()), origin, false}, text);
}

// The index of the piece that holds the octet at `offset`.
std::size_t MappedText::PieceAt(std::size_t offset) const {
  auto after = std::upper_bound(
      pieces_.begin(), pieces_.end(), offset,
      [](std::size_t value, const SourceText::Piece& piece) { return value < piece.offset; });
  return after == pieces_.begin() ? 0 : static_cast<std::size_t>(after - pieces_.begin()) - 1;
}

void MappedText::AppendPart(const MappedText& other, std::size_t begin, std::size_t end) {
  for (std::size_t i = other.PieceAt(begin); i < other.pieces_.size(); ++i) {
    const SourceText::Piece& piece = other.pieces_[i];
    if (piece.offset >= end) break;
    std::size_t piece_end =
        i + 1 < other.pieces_.size() ? other.pieces_[i + 1].offset : other.size();
    std::size_t from = std::max<std::size_t>(piece.offset, begin), to = std::min(piece_end, end);
    if (from >= to) continue;
    SourceSpan origin =
        piece.verbatim ? piece.from.Part(from - piece.offset, to - piece.offset) : piece.from;
    AppendPiece({static_cast<std::uint32_t>(size()), origin, piece.verbatim},
                std::string_view(other.text_).substr(from, to - from));
  }
}

void MappedText::Truncate(std::size_t size) {
  text_.resize(std::min(size, text_.size()));
  while (!pieces_.empty() && pieces_.back().offset >= text_.size()) pieces_.pop_back();
  if (pieces_.empty() || !pieces_.back().verbatim) return;
  SourceText::Piece& last = pieces_.back();
  last.from.end = last.from.begin + static_cast<std::uint32_t>(text_.size()) - last.offset;
}

SourceSpan MappedText::Origin(std::size_t begin, std::size_t end) const {
  MappedText part;
  part.AppendPart(*this, begin, std::max(begin + 1, end));
  if (part.pieces_.empty()) {
    if (pieces_.empty()) return {};
    SourceSpan last = pieces_.back().from;
    return {last.text, last.end, last.end};
  }
  SourceSpan all = part.pieces_.front().from;
  for (const SourceText::Piece& piece : part.pieces_) {
    if (piece.from.text == all.text) all.end = std::max(all.end, piece.from.end);
  }
  return all;
}

SourceSpan MappedText::Finish(SourceSpan if_empty, Texts* texts) && {
  if (pieces_.empty()) return {if_empty.text, if_empty.begin, if_empty.begin};
  if (pieces_.size() == 1 && pieces_[0].verbatim) return pieces_[0].from;
  std::string name = pieces_[0].from.text->name();
  texts->push_back(
      std::make_unique<SourceText>(std::move(name), std::move(text_), std::move(pieces_)));
  return texts->back()->whole();
}

SourceSpan TrimSpan(SourceSpan span) {
  std::string_view text = span.view();
  std::size_t begin = 0, end = text.size();
  while (begin < end && IsSpace(text[begin])) ++begin;
  while (end > begin && IsSpace(text[end - 1])) --end;
  return span.Part(begin, end);
}

}  // namespace signet::config
