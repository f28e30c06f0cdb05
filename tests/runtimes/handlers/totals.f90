! Adds the numbers, then runs as many rounds of a small generator as the name "rounds" says.
program totals
  implicit none
  character(len=32) :: name
  integer(kind=8) :: number, total, rounds, x, i
  integer :: status
  total = 0
  rounds = 0
  do
    read (*, *, iostat=status) name, number
    if (status /= 0) exit
    total = total + number
    if (name == 'rounds') rounds = rounds + number
  end do
  x = 1
  do i = 1, rounds
    x = mod(x * 1103 + 12345, 2147483648_8)
  end do
  write (*, '(i0, 1x, i0, 1x, f0.12)') total, x, sqrt(real(x, kind=8))
end program totals
