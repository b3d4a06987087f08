module outturn/bench/peers

go 1.26.0

require outturn v0.0.0

replace outturn => ../..
