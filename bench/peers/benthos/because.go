package main

import "time"

// because is one condition that held a notice back.
type because struct {
	What  string     `avro:"what"`
	Name  *string    `avro:"name"`
	Value *string    `avro:"value"`
	Until *time.Time `avro:"until"`
}
