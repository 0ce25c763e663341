#include "src/engine/timers.h"

#include "src/base/result.h"

namespace signet::engine {

void Timers::Put(std::size_t place, Timer* timer) {
  heap_[place] = timer;
  timer->place = place;
}

void Timers::Up(std::size_t place) {
  Timer* timer = heap_[place];
  for (; place > 0; place = (place - 1) / 2) {
    Timer* parent = heap_[(place - 1) / 2];
    if (parent->when <= timer->when) break;
    Put(place, parent);
  }
  Put(place, timer);
}

void Timers::Down(std::size_t place) {
  Timer* timer = heap_[place];
  for (std::size_t child; (child = 2 * place + 1) < heap_.size(); place = child) {
    if (child + 1 < heap_.size() && heap_[child + 1]->when < heap_[child]->when) ++child;
    if (timer->when <= heap_[child]->when) break;
    Put(place, heap_[child]);
  }
  Put(place, timer);
}

void Timers::Add(Timer* timer) {
  SIGNET_CHECK(!timer->armed());
  heap_.push_back(timer);
  Up(heap_.size() - 1);
}

void Timers::Remove(Timer* timer) {
  if (!timer->armed()) return;
  const std::size_t place = timer->place;
  Timer* last = heap_.back();
  heap_.pop_back();
  timer->place = Timer::kNone;
  if (last == timer) return;
  Put(place, last);
  Up(place);
  Down(last->place);
}

}  // namespace signet::engine
