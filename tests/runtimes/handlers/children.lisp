;; Passes its request through pipes of a child, and tells how another one ends.
(let* ((request (with-output-to-string (all)
                  (loop for line = (read-line *standard-input* nil) while line do (write-line line all))))
       (sorted (with-output-to-string (out)
                 (sb-ext:run-program "/usr/bin/sort" nil :input (make-string-input-stream request) :output out)))
       (child (sb-ext:run-program "/bin/sh" '("-c" "exit 3"))))
  (write-string sorted)
  (format t "~a~%" (sb-ext:process-exit-code child)))
