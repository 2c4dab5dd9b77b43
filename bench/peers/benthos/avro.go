package main

import (
	"context"
	"errors"
	"os"

	"github.com/hamba/avro/v2"
	"github.com/redpanda-data/benthos/v4/public/service"
)

// Confluent's framing: a zero byte and the schema's id as a big-endian 32-bit number stand before the payload.
const frame = 5

// Of the outcomes' schema. Readers of the ledger know its schema and do not look at the id.
var outcomeFrame = [frame]byte{}

var errFrame = errors.New("not in Confluent's framing")

func init() {
	spec := service.NewConfigSpec().Field(service.NewStringField("schema").Description("A file with the Avro schema."))
	service.MustRegisterProcessor("event_from_avro", spec,
		func(conf *service.ParsedConfig, _ *service.Resources) (service.Processor, error) {
			schema, err := readSchema(conf)
			return decoder{schema}, err
		})
	service.MustRegisterProcessor("outcome_to_avro", spec,
		func(conf *service.ParsedConfig, _ *service.Resources) (service.Processor, error) {
			schema, err := readSchema(conf)
			return encoder{schema}, err
		})
}

func readSchema(conf *service.ParsedConfig) (avro.Schema, error) {
	path, err := conf.FieldString("schema")
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return avro.Parse(string(text))
}

// decoder makes the event that Bloblang reads of a framed Avro payload.
type decoder struct{ schema avro.Schema }

func (d decoder) Process(_ context.Context, message *service.Message) (service.MessageBatch, error) {
	value, err := message.AsBytes()
	if err != nil {
		return nil, err
	}
	if len(value) < frame || value[0] != 0 {
		return nil, errFrame
	}
	var event any
	if err := avro.Unmarshal(d.schema, value[frame:], &event); err != nil {
		return nil, err
	}
	message.SetStructuredMut(event)
	return service.MessageBatch{message}, nil
}

func (decoder) Close(context.Context) error { return nil }

// encoder makes the framed outcome of what the last mapping decided and of the message's metadata.
type encoder struct{ schema avro.Schema }

func (e encoder) Process(_ context.Context, message *service.Message) (service.MessageBatch, error) {
	decided, err := message.AsStructured()
	if err != nil {
		return nil, err
	}
	record, err := newOutcome(message, decided)
	if err != nil {
		return nil, err
	}
	payload, err := avro.Marshal(e.schema, record)
	if err != nil {
		return nil, err
	}
	message.SetBytes(append(outcomeFrame[:], payload...))
	return service.MessageBatch{message}, nil
}

func (encoder) Close(context.Context) error { return nil }
