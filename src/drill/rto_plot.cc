#include "drill/rto_plot.h"

#include <algorithm>
#include <cmath>

#include "drill/report.h"

namespace drill {

using repository::DrillKind;
using repository::DrillRecord;

namespace {

constexpr double width = 900;
constexpr double height = 320;
constexpr double left = 70;
constexpr double right = 130;  // room for the legend
constexpr double top = 20;
constexpr double bottom = 40;

const char* color_of(DrillKind kind) {
  switch (kind) {
    case DrillKind::latest:
      return "#1f5fa8";
    case DrillKind::moment:
      return "#2a8a4a";
    case DrillKind::weekly:
      return "#8a5a00";
    case DrillKind::dump:
      return "#8b2fa0";
    case DrillKind::replica:
      return "#b0413e";
    case DrillKind::major:
      return "#3d7f86";
  }
  return "#000";
}

double seconds(base::Duration duration) { return std::chrono::duration<double>(duration).count(); }

// 1, 2 or 5 times a power of ten, so that some five lines fit below `most`.
double step_of(double most) {
  const double rough = most / 5;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  for (const double times : {1.0, 2.0, 5.0}) {
    if (times * power >= rough) return times * power;
  }
  return 10 * power;
}

class Plot {
 public:
  Plot(const std::vector<DrillRecord>& history, const policy::Zone& zone) : zone_(zone) {
    for (const DrillRecord& record : history) {
      if (!record.rto) continue;
      shown_.push_back(&record);
      most_ = std::max(most_, seconds(*record.rto));
      if (record.rto_objective) objective_ = seconds(*record.rto_objective);
    }
    if (objective_ > 0 && objective_ < 20 * most_) most_ = std::max(most_, objective_);
    most_ = std::max(most_ * 1.1, 1.0);
  }

  std::string svg() {
    if (shown_.empty()) return {};
    text_ = fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" role=\"img\" "
        "aria-label=\"time to restore, by drill\" font-family=\"sans-serif\" font-size=\"12\">\n",
        width, height);
    draw_grid();
    draw_objective();
    double legend = top + 8;
    for (const DrillKind kind : repository::all_drill_kinds) {
      if (draw_kind(kind)) draw_legend(kind, legend);
    }
    return text_ + "</svg>\n";
  }

 private:
  double x(const DrillRecord& record) const {
    const base::Instant first = shown_.front()->started;
    const double span = seconds(shown_.back()->started - first);
    const double part = span > 0 ? seconds(record.started - first) / span : 0.5;
    return left + part * (width - left - right);
  }
  double y(double value) const { return height - bottom - value / most_ * (height - top - bottom); }

  void draw_grid() {
    const double step = step_of(most_);
    for (double value = 0; value <= most_; value += step) {
      const auto length =
          std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(value));
      text_ += fmt::format(
          "<line x1=\"{0}\" y1=\"{1:.1f}\" x2=\"{2}\" y2=\"{1:.1f}\" stroke=\"#ddd\"/>"
          "<text x=\"{3}\" y=\"{4:.1f}\" text-anchor=\"end\" fill=\"#444\">{5}</text>\n",
          left, y(value), width - right, left - 8, y(value) + 4,
          value == 0 ? "0" : base::human_duration(length));
    }
    text_ += fmt::format("<text x=\"{}\" y=\"{}\" fill=\"#444\">{}</text>\n", left,
                         height - bottom + 22, policy::local_date(shown_.front()->started, zone_));
    if (shown_.size() > 1)
      text_ += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"end\" fill=\"#444\">{}</text>\n",
                           width - right, height - bottom + 22,
                           policy::local_date(shown_.back()->started, zone_));
  }

  void draw_objective() {
    if (objective_ <= 0 || objective_ > most_) return;
    text_ += fmt::format(
        "<line x1=\"{0}\" y1=\"{1:.1f}\" x2=\"{2}\" y2=\"{1:.1f}\" stroke=\"#b00\" "
        "stroke-dasharray=\"6 4\"/><text x=\"{3}\" y=\"{4:.1f}\" fill=\"#b00\">objective</text>\n",
        left, y(objective_), width - right, left + 6, y(objective_) - 5);
  }

  bool draw_kind(DrillKind kind) {
    std::string points;
    std::string dots;
    for (const DrillRecord* record : shown_) {
      if (record->kind != kind) continue;
      const double at_x = x(*record);
      const double at_y = y(seconds(*record->rto));
      points += fmt::format("{:.1f},{:.1f} ", at_x, at_y);
      dots += fmt::format(
          "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4\" stroke=\"{}\" fill=\"{}\"><title>{} {}: "
          "{}</title></circle>\n",
          at_x, at_y, color_of(kind), record->passed ? color_of(kind) : "#fff",
          html_escaped(record->id), record->passed ? "passed" : "failed",
          base::human_duration(*record->rto));
    }
    if (dots.empty()) return false;
    text_ += fmt::format(
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.5\"/>\n{}", points,
        color_of(kind), dots);
    return true;
  }

  void draw_legend(DrillKind kind, double& at) {
    text_ += fmt::format(
        "<circle cx=\"{}\" cy=\"{}\" r=\"4\" fill=\"{}\"/><text x=\"{}\" y=\"{}\">{}</text>\n",
        width - right + 22, at, color_of(kind), width - right + 34, at + 4, repository::name(kind));
    at += 20;
  }

  const policy::Zone& zone_;
  std::vector<const DrillRecord*> shown_;  // in order of time
  double most_ = 0;
  double objective_ = 0;
  std::string text_;
};

}  // namespace

std::string rto_plot_svg(const std::vector<DrillRecord>& history, const policy::Zone& zone) {
  return Plot(history, zone).svg();
}

}  // namespace drill
