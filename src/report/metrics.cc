#include "src/report/metrics.h"

#include <atomic>
#include <charconv>
#include <cmath>
#include <set>

#include "src/base/limits.h"
#include "src/base/log.h"
#include "src/base/result.h"

namespace signet::report {
namespace {

constexpr std::string_view kOther = "other";
constexpr std::size_t kLabelMaxBytes = 200;
constexpr std::size_t kHeads = 16;
constexpr auto kRelaxed = std::memory_order_relaxed;

void AddTo(std::atomic<double>& sum, double by) { sum.fetch_add(by, kRelaxed); }

// As both formats want it in bounds and values; bounds have a point in OpenMetrics.
std::string Number(double value) {
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  if (std::isnan(value)) return "NaN";
  char text[32];
  const auto end = std::to_chars(std::begin(text), std::end(text), value);
  return {text, end.ptr};
}
std::string Bound(double value) {
  std::string text = Number(value);
  if (text.find_first_of(".eIN") == text.npos) text += ".0";
  return text;
}

std::string Escaped(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out;
}

std::string_view TypeName(MetricType type, Metrics::Format format) {
  switch (type) {
    case MetricType::kCounter:
      return "counter";
    case MetricType::kHistogram:
      return "histogram";
    case MetricType::kInfo:
      return format == Metrics::Format::kOpenMetrics ? "info" : "gauge";
    case MetricType::kGauge:
      break;
  }
  return "gauge";
}

template <typename Labels>
std::string LabelText(const MetricRow& row, const Labels& labels, std::string_view more = "") {
  std::string text;
  std::size_t i = 0;
  for (const auto& label : labels)
    text += (text.empty() ? "" : ",") + std::string(row.labels[i++].name) + "=\"" + Escaped(label) +
            '"';
  if (!more.empty()) text += (text.empty() ? "" : ",") + std::string(more);
  return text.empty() ? text : '{' + text + '}';
}

template <typename Labels>
std::size_t HashOf(const Labels& labels) {
  std::size_t hash = 14695981039346656037U;
  for (const auto& label : labels) {
    for (char c : std::string_view(label))
      hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
    hash *= 31;
  }
  return hash ^ (hash >> 29);
}

}  // namespace

// The numbers of one set of labels. Never goes away.
struct Metrics::Series {
  std::vector<std::string> labels;
  std::atomic<std::uint64_t> count{0};                  // counters; observations
  std::atomic<double> value{0};                         // gauges; the sum of observations
  std::unique_ptr<std::atomic<std::uint64_t>[]> under;  // observations by bucket, each its own
  Series* next = nullptr;
};

// All series of one row: chains that only grow, so that whoever counts needs no lock.
class Metrics::Family {
 public:
  explicit Family(const MetricRow& row) : row_(row) {
    std::vector<std::string_view> labels;
    MakeKnown(&labels);
  }
  ~Family() {
    for (auto& head : heads_)
      for (Series* series = head; series != nullptr;) delete std::exchange(series, series->next);
  }
  Family(const Family&) = delete;
  Family& operator=(const Family&) = delete;

  template <typename Labels>
  Series& Of(const Labels& labels) {
    SIGNET_CHECK(labels.size() == row_.label_count());
    if (Series* found = Find(labels)) return *found;
    return Make({labels.begin(), labels.end()});
  }

  void Observe(Series& series, double value) const {
    std::size_t i = 0;
    while (i < row_.buckets.size() && value > row_.buckets[i]) ++i;
    series.under[i].fetch_add(1, kRelaxed);
    AddTo(series.value, value);
  }

  const MetricRow& row() const { return row_; }
  std::vector<const Series*> all() const {
    const std::lock_guard lock(mutex_);
    return {in_order_.begin(), in_order_.end()};
  }

 private:
  template <typename Labels>
  Series* Find(const Labels& labels) const {
    Series* series = heads_[HashOf(labels) % kHeads].load(std::memory_order_acquire);
    while (series != nullptr &&
           !std::equal(labels.begin(), labels.end(), series->labels.begin(), series->labels.end()))
      series = series->next;
    return series;
  }

  // A label value that is one too many becomes "other".
  Series& Make(std::vector<std::string> labels) {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < labels.size(); ++i) {
      std::string& label = labels[i];
      if (values_[i].contains(label)) continue;
      label = Printable(label.substr(0, kLabelMaxBytes));
      if (values_[i].contains(label)) continue;
      if (values_[i].size() >= limits::kMetricsLabels) label = kOther;
      values_[i].insert(label);
    }
    if (Series* found = Find(labels)) return *found;
    auto* series = new Series;
    series->labels = std::move(labels);
    if (row_.type == MetricType::kHistogram)
      series->under = std::make_unique<std::atomic<std::uint64_t>[]>(row_.buckets.size() + 1);
    auto& head = heads_[HashOf(series->labels) % kHeads];
    series->next = head.load(kRelaxed);
    head.store(series, std::memory_order_release);
    in_order_.push_back(series);
    return *series;
  }

  // Where all labels are known there is a 0 before the first event: a rate begins there.
  void MakeKnown(std::vector<std::string_view>* labels) {
    if (labels->size() == row_.label_count()) {
      if (row_.type != MetricType::kGauge) (void)Of(*labels);
      return;
    }
    std::string_view values = row_.labels[labels->size()].values;
    while (!values.empty()) {
      const std::size_t end = std::min(values.find(' '), values.size());
      labels->push_back(values.substr(0, end));
      MakeKnown(labels);
      labels->pop_back();
      values.remove_prefix(std::min(end + 1, values.size()));
    }
  }

  const MetricRow& row_;
  std::array<std::atomic<Series*>, kHeads> heads_{};
  mutable std::mutex mutex_;
  std::vector<Series*> in_order_;                             // as they came
  std::array<std::set<std::string, std::less<>>, 3> values_;  // of each label
};

Metrics::Metrics() {
  for (const MetricRow& row : MetricRows())
    families_[static_cast<std::size_t>(row.metric)] = std::make_unique<Family>(row);
}
Metrics::~Metrics() = default;

void Metrics::Add(Metric counter, Labels labels, std::uint64_t by) {
  At(counter).Of(labels).count.fetch_add(by, kRelaxed);
}
void Metrics::Set(Metric gauge, Labels labels, double value) {
  At(gauge).Of(labels).value.store(value, kRelaxed);
}
void Metrics::Change(Metric gauge, Labels labels, double by) {
  AddTo(At(gauge).Of(labels).value, by);
}
void Metrics::Observe(Metric histogram, Labels labels, double value) {
  Family& family = At(histogram);
  family.Observe(family.Of(labels), value);
}

void Metrics::CountIdentity(std::string_view identity) {
  identities_.Count(Printable(identity.substr(0, kLabelMaxBytes)));
}
void Metrics::NoteCertificate(std::string_view identity, std::int64_t not_after, std::int64_t now) {
  expiries_.Note(Printable(identity.substr(0, kLabelMaxBytes)), not_after, now);
}

void Metrics::SetCollector(Collector collector) {
  const std::lock_guard lock(collector_mutex_);
  collector_ = std::move(collector);
}

namespace {

// One scrape.
class Page {
 public:
  explicit Page(Metrics::Format format) : format_(format) {}

  void Head(const MetricRow& row) {
    const bool open = format_ == Metrics::Format::kOpenMetrics;
    const std::string name = open ? std::string(row.name) : row.ShownName();
    text_ += "# HELP " + name + ' ' + std::string(row.help) + '\n';
    text_ += "# TYPE " + name + ' ' + std::string(TypeName(row.type, format_)) + '\n';
    if (open && !row.unit.empty()) text_ += "# UNIT " + name + ' ' + std::string(row.unit) + '\n';
  }
  void Line(const std::string& name, const std::string& labels, const std::string& value) {
    text_ += name + labels + ' ' + value + '\n';
  }
  std::string Take() {
    if (format_ == Metrics::Format::kOpenMetrics) text_ += "# EOF\n";
    return std::move(text_);
  }

 private:
  Metrics::Format format_;
  std::string text_;
};

}  // namespace

std::string Metrics::Render(Format format, std::int64_t now) const {
  std::vector<Sample> samples;
  {
    const std::lock_guard lock(collector_mutex_);
    if (collector_) collector_(&samples);
  }
  TopIdentities::Counts counts = identities_.Get();
  for (const auto& [name, count] : counts.named)
    if (name == kOther) counts.others += count;  // somebody is called that
  samples.push_back(
      {Metric::kIdentitySessions, {std::string(kOther)}, static_cast<double>(counts.others)});
  for (const auto& [name, count] : counts.named)
    samples.push_back({Metric::kIdentitySessions, {name}, static_cast<double>(count)});
  for (const auto& [name, not_after] : expiries_.Get(now))
    samples.push_back({Metric::kPeerExpirySoonest, {name}, static_cast<double>(not_after - now)});

  Page page(format);
  for (const auto& family : families_) {
    const MetricRow& row = family->row();
    page.Head(row);
    // What somebody else counts stands in the place of the 0 that we have.
    std::set<std::string> told;
    for (const Sample& sample : samples) {
      if (sample.metric != row.metric || told.size() > limits::kMetricsLabels) continue;
      const std::string labels = LabelText(row, sample.labels);
      if (told.insert(labels).second) page.Line(row.ShownName(), labels, Number(sample.value));
    }
    for (const Series* series : family->all()) {
      const std::string labels = LabelText(row, series->labels);
      if (told.contains(labels)) continue;
      if (row.type == MetricType::kHistogram) {
        std::uint64_t count = 0;
        for (std::size_t i = 0; i <= row.buckets.size(); ++i) {
          const double bound = i < row.buckets.size() ? row.buckets[i] : HUGE_VAL;
          count += series->under[i].load(kRelaxed);
          page.Line(row.ShownName() + "_bucket",
                    LabelText(row, series->labels, "le=\"" + Bound(bound) + '"'),
                    std::to_string(count));
        }
        page.Line(row.ShownName() + "_count", labels, std::to_string(count));
        page.Line(row.ShownName() + "_sum", labels, Number(series->value.load(kRelaxed)));
      } else if (row.type == MetricType::kCounter) {
        page.Line(row.ShownName(), labels, std::to_string(series->count.load(kRelaxed)));
      } else {
        page.Line(row.ShownName(), labels, Number(series->value.load(kRelaxed)));
      }
    }
  }
  return page.Take();
}

}  // namespace signet::report
