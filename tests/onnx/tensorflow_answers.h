/* What TensorFlow 2.21.0 answers to the models here. Made by make_tensorflow.py. */
/* clang-format off */
#include <stdint.h>

static const float small_x[] = {-1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2};
static const int32_t saved_rows[] = {14};
static const float saved_y[] = {0.0997613668, 0, 0.397051811, 2.27763748, 0, 0.245367393};
static const float lite_y[] = {0.0997613966, 0, 0.397051781, 2.27763724, 0, 0.245367348};
static const int32_t lite_rows[] = {14};
static const uint8_t mycroft_scores[] = {9, 6, 5, 4, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2};
static const uint8_t mycroft_in_a_row[] = {9, 6, 3, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 5, 9, 11, 9, 9, 7, 4, 2, 1};
