/* Why an op failed, as peers are told it: no directory of this host is in it. */
#include <string.h>

#include "acceld/common/op_answer.h"
#include "check.h"

static void check(const char *reason, const char *wanted)
{
	char text[256];
	op_answer_hide_paths(reason, text, sizeof(text));
	CHECK_TEXT(text, wanted);
}

int main(void)
{
	check("", "");
	check("no memory for a model", "no memory for a model");
	check("cannot open /home/ada/.cache/mayfly/models/ssd/model.onnx: Permission denied",
	      "cannot open model.onnx: Permission denied");
	check("/etc/passwd", "passwd");
	check("'/a/b' and \"/c/d\" (/e/f) x=/g/h", "'b' and \"d\" (f) x=h");
	check("in /var/lib/: nothing", "in : nothing");
	check("1/2 of them, and/or others", "1/2 of them, and/or others");
	check("//x///y/", "");

	char text[8];
	op_answer_hide_paths("at /one/two/three-four", text, sizeof(text));
	CHECK_TEXT(text, "at thre");
	return check_status();
}
