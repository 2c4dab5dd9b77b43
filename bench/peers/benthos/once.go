package main

import "time"

// onceUntil says until when a recipient gets no other message of a key; the workload's rules have none.
type onceUntil struct {
	Key   string    `avro:"key"`
	Until time.Time `avro:"until"`
}
